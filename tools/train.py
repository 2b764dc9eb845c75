"""Train a network, with a searched policy or without."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ddas_mm.engine.cli import (
    apply_train_arguments,
    load_config,
    run,
    run_tool,
    train_parser,
)

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
        config.optim_wrapper.type = 'AmpOptimWrapper'
        config.optim_wrapper.setdefault('loss_scale', 'dynamic')
    run(config)


if __name__ == '__main__':
    run_tool(main)
