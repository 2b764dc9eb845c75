"""The commands that run a config: search, train and test."""

import argparse
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.evaluator import DumpResults

from ddas_mm.cli import derive
from ddas_mm.cli.parser import ToolParser, is_first_process
from ddas_mm.cli.run import (
    add_common_arguments,
    apply_train_arguments,
    build_runner,
    load_config,
    nothing_left_on_error,
    run,
    train_parser,
)
from ddas_mm.config import type_name
from ddas_mm.derive.plan import AUTO
from ddas_mm.derive.schedule import PAPER
from ddas_mm.errors import SettingError
from ddas_mm.search.finetuning import LR_SCALE


def search() -> None:
    r"""Search an augmentation policy.

    Examples:
      python tools/search.py configs/ddas_retinanet_r50_coco.py
      python tools/search.py configs/ddas_retinanet_r50_coco.py --data-root /data/coco \
          --cfg-options train_cfg.max_epochs=10 train_cfg.proxy.num_train=1000
      python tools/search.py configs/ddas_retinanet_r50_coco.py --resume
      python tools/search.py my_training_config.py
      python tools/search.py my_training_config.py --load-from epoch_12.pth
      python tools/search.py my_training_config.py --space coco \
          --num-train 3000 --num-val 1500 --epochs 30
    """
    parser = train_parser(search.__doc__)
    derive.add_derive_arguments(parser)
    parser.add_argument(
        '--compile',
        action='store_true',
        help='let torch.compile translate the network: minutes at the start, '
        'faster steps afterwards',
    )
    parser.add_argument(
        '--load-from',
        metavar='FILE',
        help='start from this trained network, at a fifth of the learning rate (unless '
        'one is given), which tells sooner what another camera needs',
    )
    args = parser.parse_args()
    warm = args.load_from and derive.LR not in (args.cfg_options or {})
    args.lr_scale = LR_SCALE if warm else 1
    if derive.choose_space(args) is None:
        _run_search(args)
        return
    args.work_dir = args.work_dir or f'work_dirs/search_{Path(args.config).stem}'
    with nothing_left_on_error(args.work_dir):
        _run_search(derive.derive_from_arguments(args))


def _run_search(args: argparse.Namespace) -> None:
    config = load_config(args)
    if not derive.is_search(config):
        loop = type_name(config.get('train_cfg') or {}) or None
        raise SettingError(
            f'{args.config!r} is no search config: train_cfg.type is {loop!r}, '
            "not 'ddas_mm.DDASLoop'; for the search of a training config give --space "
            f'{AUTO}, {", ".join(PAPER)}'
        )
    if args.load_from is not None:
        _start_from(config, args)
    apply_train_arguments(config, args)
    if args.amp:
        config.train_cfg.amp = True
    if args.compile:
        config.train_cfg.compile = True
    run(config)


def _start_from(config: Config, args: argparse.Namespace) -> None:
    config.load_from = args.load_from
    if args.lr_scale == 1:
        return
    optimizer: Any = (config.get('optim_wrapper') or {}).get('optimizer') or {}
    if optimizer.get('lr') is None:
        raise SettingError(
            '--load-from lowers optim_wrapper.optimizer.lr, but the config sets none; '
            f'give one for a trained network: --cfg-options {derive.LR}=0.001'
        )
    optimizer.lr *= args.lr_scale
    if args.resume is None and is_first_process():
        print(f'starts from {args.load_from}, at a learning rate of {optimizer.lr:g}')


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
    wrapper: Any = config.get('optim_wrapper') or {}
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
