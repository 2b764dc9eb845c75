r"""Write the report of a search: what it has found, on one page.

Examples:
  python tools/analysis_tools/report.py work_dirs/ddas_retinanet_r50_coco
  python tools/analysis_tools/report.py work_dirs/ddas_retinanet_r50_coco \
      --data-root /data/coco --out report.html

The pictures need the data of the search; without it the report comes without them.
"""

import sys
from pathlib import Path

sys.path.insert(0, __file__.rpartition('/tools/')[0])

from ddas_mm.cli.parser import ToolParser, at_least
from ddas_mm.cli.run import run_tool
from ddas_mm.outcome.report import REPORT, report_work_dir


def main() -> None:
    """Write it."""
    parser = ToolParser(__doc__)
    add = parser.add_argument
    add('work_dir', type=Path, help="a search's work_dir")
    add('--out', type=Path, metavar='HTML', help=f'(default: WORK_DIR/{REPORT})')
    add('--data-root', metavar='DIR', help='where the data is now')
    add('--num-images', action=at_least(1), default=2, help='images (default: 2)')
    args = parser.parse_args()
    out = args.out or args.work_dir / REPORT
    gallery = report_work_dir(args.work_dir, out, args.data_root, args.num_images)
    if isinstance(gallery, str):
        print(f'no pictures: {gallery}', file=sys.stderr)
    print(out)


if __name__ == '__main__':
    run_tool(main)
