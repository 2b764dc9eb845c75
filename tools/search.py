"""Search an augmentation policy."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ddas_mm.cli.leftovers import nothing_left_on_error
from ddas_mm.cli.run import (
    apply_train_arguments,
    load_config,
    run,
    run_tool,
    train_parser,
)
from ddas_mm.config import type_name
from ddas_mm.derive import add_derive_arguments, derive_from_arguments
from ddas_mm.errors import SettingError

EXAMPLES = """examples:
  python tools/search.py configs/ddas_retinanet_r50_coco.py
  python tools/search.py configs/ddas_retinanet_r50_coco.py --data-root /data/coco \\
      --cfg-options train_cfg.max_epochs=10 train_cfg.proxy.num_train=1000
  python tools/search.py configs/ddas_retinanet_r50_coco.py --resume
  python tools/search.py my_training_config.py --space coco \\
      --num-train 3000 --num-val 1500 --epochs 30
"""


def main() -> None:
    """Search, after deriving the search where a training config is given."""
    parser = train_parser(__doc__, EXAMPLES)
    add_derive_arguments(parser)
    parser.add_argument(
        '--compile',
        action='store_true',
        help='let torch.compile translate the network: minutes at the start, '
        'faster steps afterwards',
    )
    args = parser.parse_args()
    if args.space is None:
        search(args)
        return
    args.work_dir = args.work_dir or f'work_dirs/search_{Path(args.config).stem}'
    with nothing_left_on_error(args.work_dir):
        search(derive_from_arguments(args))


def search(args: argparse.Namespace) -> None:
    """Run the search of a search config."""
    config = load_config(args)
    loop = type_name(config.get('train_cfg') or {})
    if loop != 'DDASLoop':
        raise SettingError(
            f'{args.config!r} is no search config: train_cfg.type is {loop or None!r}, '
            "not 'ddas_mm.DDASLoop'; for the search of a training config give --space "
            'coco, imagenet, cifar or svhn'
        )
    for option in ('num_train', 'num_val', 'epochs'):
        if args.space is None and getattr(args, option) is not None:
            raise SettingError(
                f'--{option.replace("_", "-")} belongs to the search of a training '
                'config (--space); a search config takes --cfg-options '
                'train_cfg.proxy.num_train, train_cfg.proxy.num_val or '
                'train_cfg.max_epochs'
            )
    apply_train_arguments(config, args)
    if args.amp:
        config.train_cfg.amp = True
    if args.compile:
        config.train_cfg.compile = True
    run(config)


if __name__ == '__main__':
    run_tool(main)
