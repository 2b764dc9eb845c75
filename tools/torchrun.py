"""Start a tool in several processes: torchrun, without a traceback where it ends early.

Takes torchrun's arguments. tools/dist_*.sh call it.
"""

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
if __name__ == '__main__':
    from ddas_mm.interrupt import quit_early

    quit_early()

from torch.distributed import run
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

from ddas_mm.command_line import ToolParser

EXAMPLES = """examples:
  python tools/torchrun.py --nproc_per_node=2 tools/search.py CONFIG --launcher pytorch
  bash tools/dist_search.sh CONFIG 2    # the same

All arguments: python -m torch.distributed.run --help
"""


def main() -> None:
    """Run the tool in all processes of this node."""
    if not sys.argv[1:] or sys.argv[1] in ('-h', '--help'):
        parser = ToolParser(__doc__, EXAMPLES)
        parser.add_argument('arguments', nargs='+', help="torchrun's")
        parser.parse_args()
    for part in ('agent.server', 'multiprocessing'):
        # that they hand signals on: the tools tell more of what stops them
        name = f'torch.distributed.elastic.{part}.api'
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        run.main(sys.argv[1:])
    except SignalException as stop:
        sys.exit(128 + stop.sigval)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        print(f'torchrun.py: process {rank} failed, see above', file=sys.stderr)
        code = failure.exitcode
        sys.exit(code if code > 0 else 128 - code)


if __name__ == '__main__':
    main()
