r"""Write a searched policy as a static one for another library.

The text needs nothing of this package. A static policy holds one row of the schedule,
the last if not told otherwise, or the mean of all.

Examples:
  python tools/analysis_tools/export_policy.py work_dirs/x/policy.json --to mmdet
  python tools/analysis_tools/export_policy.py work_dirs/x/policy.json \
      --to torchvision --row mean --out policy.py
"""

import argparse
import sys
from pathlib import Path

# what it imports lies here: by the name "tools" another package may be found
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, __file__.rpartition('/tools/')[0])

from print_policy import load_policy, row_index

from ddas_mm.cli.run import ToolParser, run_tool
from ddas_mm.errors import SettingError
from ddas_mm.export import TARGETS, export_policy, static_policy
from ddas_mm.files import write_atomically


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(__doc__)
    add = parser.add_argument
    add('policy', help='policy.json, or a config with ddas_policy')
    add('--to', required=True, choices=list(TARGETS), dest='target')
    add('--row', default='last', help="from 1, 'last' or 'mean' (default: last)")
    add(
        '--image-size',
        nargs=2,
        type=int,
        metavar=('W', 'H'),
        help='size of the images, where pixels and shares of an image are converted',
    )
    add('--out', type=Path, metavar='FILE', help='.py or .json (default: print Python)')
    return parser.parse_args()


def main() -> None:
    """Export."""
    args = parse_args()
    if args.out and args.out.suffix not in ('.py', '.json'):
        raise SettingError(f'--out must end in .py or .json, but is {str(args.out)!r}')
    if args.image_size and min(args.image_size) < 1:
        raise SettingError(f'--image-size must be positive, but is {args.image_size}')
    schedule = load_policy(args.policy)
    row = None if args.row == 'mean' else row_index(schedule, args.row)
    exported = export_policy(
        static_policy(schedule, row),
        args.target,
        tuple(args.image_size) if args.image_size else None,
        as_json=args.out is not None and args.out.suffix == '.json',
    )
    if args.out is None:
        print(exported.text)
    else:
        write_atomically(args.out, exported.text)
    for label, note in exported.notes.items():
        print(f'{label}: {note}', file=sys.stderr)
    if exported.missing:
        share = sum(exported.missing.values())
        print(
            f'{args.target} has no counterpart for {", ".join(exported.missing)} '
            f'({share:.1%} of p_o); the others are more probable instead',
            file=sys.stderr,
        )


if __name__ == '__main__':
    run_tool(main)
