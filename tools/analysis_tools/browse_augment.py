r"""Draw what operations and policies do to an image of the training data.

Examples:
  python tools/analysis_tools/browse_augment.py my_training_config.py --space coco
  python tools/analysis_tools/browse_augment.py configs/ddas_retinanet_r50_coco.py \
      --data-root /data/coco --index 7 --show-masks
  python tools/analysis_tools/browse_augment.py work_dirs/x/retrain_x.py --epoch 100

Without a policy, every candidate of train_cfg.space is drawn. With one, in the
config or by --policy, samples of it at --epoch are (candidates with --candidates).
"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, __file__.rpartition('/tools/')[0])

from mmengine.config import Config

from ddas_mm.augment.candidates import build_space, without_idle
from ddas_mm.augment.replay import find_augments
from ddas_mm.cli.derive import add_search_arguments, load_search
from ddas_mm.cli.parser import ToolParser, at_least
from ddas_mm.cli.run import run_tool
from ddas_mm.config import find_dicts
from ddas_mm.errors import SettingError
from ddas_mm.outcome.pictures import DRAWS, Examples, ImagePictures, draw_contact_sheet
from ddas_mm.policy import PolicySchedule, SearchSpace, read_policy


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(__doc__)
    add = parser.add_argument
    add_search_arguments(parser)
    add('--out', type=Path, metavar='PNG', help='file to write')
    add('--index', action=at_least(0), default=0, help='training image (default: 0)')
    add('--policy', metavar='JSON', help="a search's policy.json")
    add('--epoch', type=int, help='training epoch from 1 (default: the last)')
    add('--num-samples', action=at_least(1), default=24, help='samples (default: 24)')
    add('--candidates', action='store_true', help="draw a policy's candidates instead")
    add(
        '--show-masks',
        nargs='?',
        const='bitmap',
        choices=['bitmap', 'polygon'],
        help='load instance masks too, where the pipeline does not',
    )
    add('--seed', action=at_least(0), default=0, help='seed of all randomness')
    add('--width', action=at_least(100), default=240, help='pixels (default: 240)')
    args = parser.parse_args()
    if args.out is not None and args.out.suffix.lower() != '.png':
        raise SettingError(f'--out must end with .png, but is {str(args.out)!r}')
    return args


def main() -> None:
    """Draw a contact sheet."""
    args = parse_args()
    config = load_search(args)
    if args.show_masks is not None:
        load_masks(config, args.show_masks == 'polygon')
    results, schedule = load_image(config, args.index, args.seed)
    schedule = schedule if args.policy is None else read_policy(args.policy)
    kind = 'candidates' if schedule is None or args.candidates else 'samples'
    space = find_space(config, schedule, results)
    images = ImagePictures(space, results, args.seed)
    where = f'image {args.index} ({Path(results.get("img_path") or "").name})'
    if kind == 'candidates':
        if args.epoch is not None:
            raise SettingError('--epoch needs a policy, and goes without --candidates')
        heading = (
            f'{len(space)} candidates on {where}. A draw that changes nothing is '
            f'repeated, up to {DRAWS} times.'
        )
        pictures = [images.candidate(k) for k in range(len(space))]
    else:
        epoch, epochs = find_epoch(config, schedule, args.epoch)
        kind += f'_epoch_{epoch}'
        index = schedule.row_index(epoch - 1, epochs)
        top = ', '.join(f'{name} ({prob:.3f})' for name, prob in schedule.top(index))
        heading = (
            f'{args.num_samples} samples on {where} in epoch {epoch} of {epochs} '
            f'(row {index + 1} of {len(schedule)}): p_tp '
            f'{schedule.total_prob[index]:.3f}, most likely {top}.'
        )
        pictures = list(images.samples(schedule, index, args.num_samples))
    out = args.out or Path(config.work_dir) / f'augment_{kind}.png'
    out.parent.mkdir(parents=True, exist_ok=True)
    draw_contact_sheet([images.original(), *pictures], heading, out, args.width)
    print(out)


def load_masks(config: Config, polygons: bool) -> None:
    """Let the training pipeline load instance masks, in place."""
    steps = list(find_dicts(config.get('train_dataloader') or {}, 'LoadAnnotations'))
    if not steps:
        raise SettingError(
            '--show-masks needs a LoadAnnotations step in '
            f'train_dataloader.dataset.pipeline of {config.filename!r}'
        )
    for step in steps:
        step.update(with_mask=True, poly2mask=not polygons)


def load_image(
    config: Config, index: int, seed: int
) -> tuple[dict[str, Any], PolicySchedule | None]:
    """Return a training image before DDASAugment, and the policy in the config."""
    examples = Examples.from_config(config)
    if index >= len(examples):
        raise SettingError(
            f'--index {index} is beyond the {len(examples)} training images'
        )
    results = examples.loaded(index, seed)
    if results is None:
        raise SettingError(
            f'the steps before DDASAugment give nothing for --index {index}; '
            'choose another image'
        )
    (augment,) = find_augments(examples.leaves[examples.leaf_of(index)])
    return results, augment.schedule


def find_space(
    config: Config, schedule: PolicySchedule | None, results: dict[str, Any]
) -> SearchSpace:
    """Return the policy's search space, or the config's."""
    if schedule is not None:
        return schedule.space
    space = (config.get('train_cfg') or {}).get('space')
    if space is None:
        raise SettingError(
            f'{config.filename!r} has neither train_cfg.space nor a policy in its '
            'DDASAugment; give --policy policy.json, or --space of a training'
        )
    return without_idle(build_space(space), results, print)


def find_epoch(
    config: Config, schedule: PolicySchedule, epoch: int | None
) -> tuple[int, int]:
    """Return the training epoch, and of how many; rows count if no epochs are set."""
    train_cfg = config.get('train_cfg') or {}
    epochs = train_cfg.get('max_epochs') or len(schedule)
    if epoch is not None and not 1 <= epoch <= epochs:
        raise SettingError(f'--epoch must be within 1..{epochs}, but is {epoch}')
    return epoch or epochs, epochs


if __name__ == '__main__':
    run_tool(main)
