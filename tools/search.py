"""Search an augmentation policy."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ddas_mm.engine.cli import (
    apply_train_arguments,
    build_runner,
    load_config,
    nothing_left_on_error,
    run_tool,
    train_parser,
)
from ddas_mm.errors import SettingError

EXAMPLES = """examples:
  python tools/search.py configs/ddas_retinanet_r50_coco.py
  python tools/search.py configs/ddas_retinanet_r50_coco.py --data-root /data/coco \\
      --cfg-options train_cfg.max_epochs=10 train_cfg.proxy.num_train=1000
  python tools/search.py configs/ddas_retinanet_r50_coco.py --resume
"""


def main() -> None:
    """Search."""
    args = train_parser(__doc__, EXAMPLES).parse_args()
    config = load_config(args)
    loop = (config.get('train_cfg') or {}).get('type')
    if loop not in ('ddas_mm.DDASLoop', 'DDASLoop'):
        raise SettingError(
            f'{args.config!r} is no search config: train_cfg.type is {loop!r}, not '
            "'ddas_mm.DDASLoop'"
        )
    apply_train_arguments(config, args)
    if args.amp:
        config.train_cfg.amp = True
    with nothing_left_on_error(config.work_dir):
        build_runner(config).train()


if __name__ == '__main__':
    run_tool(main)
