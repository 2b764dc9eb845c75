"""The commands that run a config: search (of a training config too), train and test."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.evaluator import DumpResults

from ddas_mm.cli.checks import VARIABLES
from ddas_mm.cli.options import merge_options
from ddas_mm.cli.parser import ToolParser, at_least, is_first_process
from ddas_mm.cli.run import (
    add_common_arguments,
    apply_train_arguments,
    build_runner,
    load_config,
    nothing_left_on_error,
    run,
    train_parser,
)
from ddas_mm.config import init_scope, read_config, set_data_root, type_name
from ddas_mm.derive.augment import mark_training
from ddas_mm.derive.schedule import PAPER, SearchPlan, fitted_sizes, rate_and_batch
from ddas_mm.derive.search import derive_search, search_dataset, write_derived
from ddas_mm.errors import SettingError
from ddas_mm.search.checks import check_followed
from ddas_mm.search.data import build_dataset
from ddas_mm.search.splits import distinct_images


def search() -> None:
    r"""Search an augmentation policy.

    Examples:
      python tools/search.py configs/ddas_retinanet_r50_coco.py
      python tools/search.py configs/ddas_retinanet_r50_coco.py --data-root /data/coco \
          --cfg-options train_cfg.max_epochs=10 train_cfg.proxy.num_train=1000
      python tools/search.py configs/ddas_retinanet_r50_coco.py --resume
      python tools/search.py my_training_config.py --space coco \
          --num-train 3000 --num-val 1500 --epochs 30
    """
    parser = train_parser(search.__doc__)
    add_derive_arguments(parser)
    parser.add_argument(
        '--compile',
        action='store_true',
        help='let torch.compile translate the network: minutes at the start, '
        'faster steps afterwards',
    )
    args = parser.parse_args()
    if args.space is None:
        _run_search(args)
        return
    args.work_dir = args.work_dir or f'work_dirs/search_{Path(args.config).stem}'
    with nothing_left_on_error(args.work_dir):
        _run_search(derive_from_arguments(args))


def _run_search(args: argparse.Namespace) -> None:
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


# What --cfg-options set for the search alone; all else holds in the training too.
SEARCH_ALONE = ('train_cfg', 'optim_wrapper', 'param_scheduler', 'auto_scale_lr')
LR = 'optim_wrapper.optimizer.lr'


def add_derive_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that make a search of a training config."""
    add = parser.add_argument_group(
        'search of a training config',
        'with --space, CONFIG is an ordinary training config; its search is derived, '
        'written to the work_dir and started. --cfg-options of '
        f'{", ".join(SEARCH_ALONE)} are for the search alone, all others hold in the '
        'emitted training too',
    ).add_argument
    add('--space', choices=list(PAPER), help='operations to search')
    add('--num-train', action=at_least(1), metavar='N', help='images of S_train')
    add('--num-val', action=at_least(1), metavar='M', help='images of S_val')
    add('--epochs', action=at_least(1), metavar='T', help='search epochs')


def derive_from_arguments(args: argparse.Namespace) -> argparse.Namespace:
    """Write the search of a training config; return the arguments that start it.

    Raises:
        SettingError: If the config has no search, or an argument does not fit.
    """
    options = args.cfg_options or {}
    own = {k: v for k, v in options.items() if k.partition('.')[0] in SEARCH_ALONE}
    shared = {k: v for k, v in options.items() if k not in own}
    marked = mark_training(_read_training(args, shared))
    name = Path(args.config).stem
    plan = _plan(args, marked)
    search = derive_search(marked, plan, f'{name}.py')
    if args.auto_scale_lr:
        own['auto_scale_lr.enable'] = True
    elif LR in own and 'auto_scale_lr.enable' not in own:
        own['auto_scale_lr.enable'] = False  # a rate that was given is taken as it is
    merge_options(search, own)
    check_followed(search.optim_wrapper)
    search.derived_from.changes.append(rate_and_batch(search, plan.processes))
    search.work_dir = args.work_dir
    path = write_derived(search, marked, Path(args.work_dir), name)
    if is_first_process():
        print(f'{path} derived from {args.config}:')
        print(*(f'  {line}' for line in search.derived_from.changes), sep='\n')
    done = {'cfg_options': None, 'data_root': None}
    return argparse.Namespace(**{**vars(args), 'config': str(path), **done})


def _read_training(args: argparse.Namespace, options: Mapping[str, Any]) -> Config:
    config = read_config(args.config)
    if type_name(config.get('train_cfg') or {}) == 'DDASLoop':
        raise SettingError(
            f'{args.config!r} is a search config already; change it by --cfg-options, '
            f'e.g. train_cfg.space.name={args.space}'
        )
    if args.data_root is not None:
        set_data_root(config, args.data_root)
    merge_options(config, options)
    return config


def _plan(args: argparse.Namespace, marked: Config) -> SearchPlan:
    paper = PAPER[args.space]
    num_train, num_val = args.num_train, args.num_val
    if num_train is None or num_val is None:
        init_scope(marked)
        dataset = build_dataset(search_dataset(marked, []), 'train_dataloader.dataset')
        size = len(distinct_images(dataset)[0])
        num_train, num_val = fitted_sizes(paper, size, num_train, num_val)
    _, variable, *_ = VARIABLES.get(args.launcher, (None, ''))
    return replace(
        paper,
        num_train=num_train,
        num_val=num_val,
        epochs=args.epochs or paper.epochs,
        processes=int(os.environ.get(variable, 1)),
    )


def train() -> None:
    """Train a network, with a searched policy or without.

    Examples:
      python tools/train.py work_dirs/my_search/retrain_my_training_config.py
      bash tools/dist_train.sh CONFIG 8 --amp
    """
    args = train_parser(train.__doc__).parse_args()
    config = load_config(args)
    apply_train_arguments(config, args)
    if args.amp:
        use_amp(config)
    run(config)


def use_amp(config: Config) -> None:
    """Turn an OptimWrapper into an AmpOptimWrapper, as mmdet's and mmpretrain's do.

    Raises:
        SettingError: If it is another one, which need not know mixed precision.
    """
    wrapper = config.get('optim_wrapper') or {}
    name = type_name(wrapper, 'OptimWrapper')
    if 'optimizer' not in wrapper or name not in ('OptimWrapper', 'AmpOptimWrapper'):
        raise SettingError(
            "--amp makes an 'AmpOptimWrapper' of an 'OptimWrapper' with one optimizer, "
            f'but optim_wrapper of {config.filename!r} is of type {name!r} with '
            f'{", ".join(wrapper) or "nothing"} in it; train without --amp, or set '
            'optim_wrapper by --cfg-options'
        )
    wrapper.type = 'AmpOptimWrapper'
    wrapper.setdefault('loss_scale', 'dynamic')


def test() -> None:
    """Evaluate a checkpoint.

    Examples:
      python tools/test.py CONFIG work_dirs/run/epoch_12.pth
      python tools/test.py CONFIG work_dirs/run/epoch_12.pth --show-dir pictures
      TOOL=test bash tools/dist_train.sh CONFIG 8 work_dirs/run/epoch_12.pth
    """
    parser = ToolParser(test.__doc__)
    add_common_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', metavar='FILE.pkl', help='file for the predictions')
    parser.add_argument('--show', action='store_true', help='show the predictions')
    parser.add_argument('--show-dir', help='folder for pictures of the predictions')
    parser.add_argument(
        '--wait-time', type=float, default=2, help='seconds that a picture is shown'
    )
    args = parser.parse_args()
    if not Path(args.checkpoint).is_file():
        raise SettingError(f'checkpoint {args.checkpoint!r} does not exist')
    if args.out is not None and not args.out.endswith(('.pkl', '.pickle')):
        raise SettingError(f'--out must end in .pkl, but is {args.out!r}')
    config = load_config(args)
    config.load_from = args.checkpoint
    if args.show or args.show_dir:
        _draw_predictions(config, args)
    runner = build_runner(config)
    if args.out is not None:
        runner.test_evaluator.metrics.append(DumpResults(out_file_path=args.out))
    runner.test()


def _draw_predictions(config: Config, args: argparse.Namespace) -> None:
    """Switch the config's visualisation hook on (mmdet's or mmpretrain's)."""
    hook = config.default_hooks.get('visualization')
    if hook is None:
        raise SettingError('--show needs default_hooks.visualization in the config')
    is_mmdet = type_name(hook) == 'DetVisualizationHook'
    hook.update({'draw' if is_mmdet else 'enable': True})
    hook.update(show=args.show, wait_time=args.wait_time)
    if args.show_dir:
        hook['test_out_dir' if is_mmdet else 'out_dir'] = args.show_dir
