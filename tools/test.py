"""Evaluate a checkpoint."""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmengine.config import Config
from mmengine.evaluator import DumpResults

from ddas_mm.cli.parser import ToolParser
from ddas_mm.cli.run import add_common_arguments, build_runner, load_config, run_tool
from ddas_mm.config import type_name
from ddas_mm.errors import SettingError

EXAMPLES = """examples:
  python tools/test.py CONFIG work_dirs/run/epoch_12.pth
  python tools/test.py CONFIG work_dirs/run/epoch_12.pth --show-dir pictures
  bash tools/dist_run.sh test CONFIG 8 work_dirs/run/epoch_12.pth
"""


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(__doc__, EXAMPLES)
    add_common_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', metavar='FILE.pkl', help='file for the predictions')
    parser.add_argument('--show', action='store_true', help='show the predictions')
    parser.add_argument('--show-dir', help='folder for pictures of the predictions')
    parser.add_argument(
        '--wait-time', type=float, default=2, help='seconds that a picture is shown'
    )
    return parser.parse_args()


def draw_predictions(config: Config, args: argparse.Namespace) -> None:
    """Switch the config's visualisation hook on (mmdet's or mmpretrain's)."""
    hook = config.default_hooks.get('visualization')
    if hook is None:
        raise SettingError('--show needs default_hooks.visualization in the config')
    is_mmdet = type_name(hook) == 'DetVisualizationHook'
    hook.update({'draw' if is_mmdet else 'enable': True})
    hook.update(show=args.show, wait_time=args.wait_time)
    if args.show_dir:
        hook['test_out_dir' if is_mmdet else 'out_dir'] = args.show_dir


def main() -> None:
    """Evaluate."""
    args = parse_args()
    if not Path(args.checkpoint).is_file():
        raise SettingError(f'checkpoint {args.checkpoint!r} does not exist')
    if args.out is not None and not args.out.endswith(('.pkl', '.pickle')):
        raise SettingError(f'--out must end in .pkl, but is {args.out!r}')
    config = load_config(args)
    config.load_from = args.checkpoint
    if args.show or args.show_dir:
        draw_predictions(config, args)
    runner = build_runner(config)
    if args.out is not None:
        runner.test_evaluator.metrics.append(DumpResults(out_file_path=args.out))
    runner.test()


if __name__ == '__main__':
    run_tool(main)
