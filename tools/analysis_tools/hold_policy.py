r"""Hold a policy at its last epoch: what is the schedule over epochs worth?

The paper's Table 6 compares a searched schedule with its last p_tp, its last p_o and
the last of both, as in AutoAugment, in all epochs.

Examples:
  python tools/analysis_tools/hold_policy.py work_dirs/NAME/policy.json \
      --hold total_prob op_probs --out work_dirs/NAME/policy_last_row.json
"""

import sys

sys.path.insert(0, __file__.rpartition('/tools/')[0])

from ddas_mm.cli.run import ToolParser, run_tool
from ddas_mm.policy import read_policy, write_policy

PARTS = ('total_prob', 'op_probs')


def main() -> None:
    """Write the policy with the last values of the chosen parts in every row."""
    parser = ToolParser(__doc__)
    add = parser.add_argument
    add('policy', help='the policy.json of a search')
    add('--hold', nargs='+', choices=PARTS, default=PARTS)
    add('--out', required=True, metavar='FILE')
    args = parser.parse_args()
    schedule = read_policy(args.policy)
    held = schedule.held(**{part: part in args.hold for part in PARTS})
    write_policy(held, args.out)
    print(f'{args.out}: {len(held)} of {len(schedule)} rows')


if __name__ == '__main__':
    run_tool(main)
