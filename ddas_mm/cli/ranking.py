"""The command that ranks augmentations by a trained checkpoint, before any search."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from mmengine.config import Config
from mmengine.model import is_model_wrapper

from ddas_mm.cli.derive import is_search, refuse_search
from ddas_mm.cli.finetuning import FINETUNE, add_finetune_arguments, rank_by_metric
from ddas_mm.cli.parser import ToolParser, aligned, at_least, track
from ddas_mm.cli.run import add_common_arguments, bare_runner, load_config
from ddas_mm.derive.plan import AUTO
from ddas_mm.derive.ranking import derive_ranking
from ddas_mm.derive.schedule import PAPER
from ddas_mm.errors import SettingError
from ddas_mm.files import write_atomically
from ddas_mm.outcome.pictures import Examples, ImagePictures
from ddas_mm.outcome.ranking import HEADER, Ranking, draw_ranking, space_text
from ddas_mm.policy import SearchSpace
from ddas_mm.search.data import build_candidate_loader
from ddas_mm.search.gradients import weights_last
from ddas_mm.search.loop import DDASLoop
from ddas_mm.search.original import check_val_batches, drop_batch_augments
from ddas_mm.search.ranking import candidate_losses, draw_batches, layers_at_rest
from ddas_mm.search.views import OriginalViews

FACTS = ('config', 'checkpoint', 'num_images', 'seed')


def rank_augmentations() -> None:
    r"""Rank augmentations by a trained checkpoint, before any search.

    Examples:
      python tools/analysis_tools/rank_augmentations.py my_training_config.py \
          work_dirs/run/epoch_12.pth --space coco --emit-space space.py
      python tools/analysis_tools/rank_augmentations.py my_search_config.py \
          trained_on_S_train.pth --num-images 1000
      python tools/analysis_tools/rank_augmentations.py my_training_config.py \
          work_dirs/run/epoch_12.pth --finetune --emit-space space.py

    The checkpoint must not have been trained on S_val: of a training that is what
    val_dataloader holds, else the S_val of the search config.
    """
    parser = ToolParser(rank_augmentations.__doc__)
    add_common_arguments(parser)
    add = parser.add_argument
    add('checkpoint', help='the trained network')
    add(
        '--space',
        choices=[AUTO, *PAPER],
        help='operations, if CONFIG is a training (default: auto)',
    )
    least = at_least(2)
    add('--num-images', action=least, default=256, help='of each set (default: 256)')
    add('--seed', type=int, default=0, help='seed of all randomness (default: 0)')
    add('--emit-space', type=Path, metavar='FILE', help='the space for what may help')
    add_finetune_arguments(parser)
    args = parser.parse_args()
    for name in FINETUNE:
        if not args.finetune and getattr(args, name) != parser.get_default(name):
            option = f'--{name.replace("_", "-")}'
            raise SettingError(f'{option} belongs to fine-tuning; add --finetune')
    config = load_config(args)
    search = _search_config(config, args)
    by = rank_by_metric if args.finetune else rank_by_losses
    space, kept = by(config, search, args)
    if not kept:
        print('no candidate may help, as far as this checkpoint can tell')
    elif args.emit_space is not None:
        text = space_text(space, search.train_cfg.space, kept)
        write_atomically(args.emit_space, text)
        print(args.emit_space)


def _search_config(config: Config, args: argparse.Namespace) -> Config:
    """Return a search of the data: the config itself, or one made of a training."""
    if not is_search(config):
        search = derive_ranking(config, args.space or AUTO)
        if args.space in (None, AUTO):
            print(search.derived_from.changes[0])
        return search
    if args.finetune:
        raise SettingError(
            f'{config.filename!r} is a search config, which evaluates nothing; '
            '--finetune takes that of an ordinary training'
        )
    if args.space is not None:
        refuse_search(config)
    return config


def rank_by_losses(
    config: Config, search: Config, args: argparse.Namespace
) -> tuple[SearchSpace, list[str]]:
    """Rank candidates by the network's losses; return them, and which may help."""
    search.randomness = {'seed': args.seed}
    ranking, images = rank(search, args.checkpoint, args.num_images)
    print(ranking.summary(), aligned(HEADER, ranking.rows()), sep='\n\n')
    folder = Path(config.work_dir)
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / 'ranking.json', folder / 'ranking.png'
    facts = {name: getattr(args, name) for name in FACTS}
    text = json.dumps({**facts, **ranking.to_dict()}, indent=1)
    write_atomically(written[0], text)
    draw_ranking(ranking, images, written[1])
    print(*written, sep='\n')
    return ranking.space, ranking.kept()


def rank(
    config: Config, checkpoint: str, num_images: int
) -> tuple[Ranking, ImagePictures]:
    """Return the ranking of a search's candidates, and an image to show them on.

    Args:
        config: The search; nothing of it is run.
        checkpoint: File of the trained network.
        num_images: Images of S_train and of S_val that are looked at.

    Raises:
        SettingError: If the checkpoint does not fit, or data is missing.
    """
    config.train_cfg.paired = True
    with bare_runner(config, checkpoint) as runner:
        loop: DDASLoop = runner.build_train_loop(config.train_cfg)
        module = runner.model
        module = module.module if is_model_wrapper(module) else module
        drop_batch_augments(module)
        check_val_batches(module, loop.val_loader)
        layers_at_rest(module)
        if loop.channels_last:
            weights_last(module)
        train = loop.dataloader.dataset
        losses = []
        for name, views in (
            ('S_train', train),
            ('S_val', OriginalViews(loop.val_loader.dataset, train.ops)),
        ):
            most = config.train_dataloader.batch_size
            batches = draw_batches(len(views), num_images, most, loop.seed)
            loader = build_candidate_loader(views, config.train_dataloader, batches)
            steps = track(loader, f'mini-batches of {name}')
            labels, last = loop.space.labels, loop.channels_last
            losses.append(candidate_losses(module, steps, labels, loop.seed, last))
    (example,) = Examples(train.dataset).choose(1, loop.seed)
    images = ImagePictures(loop.space, example, loop.seed)
    return Ranking(loop.space, losses[0], losses[1], loop.seed), images
