"""Train a network, with a searched policy or without."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmengine.config import Config

from ddas_mm.cli.run import (
    apply_train_arguments,
    load_config,
    run,
    run_tool,
    train_parser,
)
from ddas_mm.config import type_name
from ddas_mm.errors import SettingError

EXAMPLES = """examples:
  python tools/train.py work_dirs/ddas_retinanet_r50_coco/retrain_retinanet_r50_coco.py
  bash tools/dist_train.sh CONFIG 8 --amp
"""


def main() -> None:
    """Train."""
    args = train_parser(__doc__, EXAMPLES).parse_args()
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


if __name__ == '__main__':
    run_tool(main)
