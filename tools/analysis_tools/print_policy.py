"""Print a row of a policy as a table, or what tells two policies apart.

Examples:
  python tools/analysis_tools/print_policy.py work_dirs/x/policy.json
  python tools/analysis_tools/print_policy.py work_dirs/x/policy.json --row 3 --top 10
  python tools/analysis_tools/print_policy.py old/policy.json new/policy.json
"""

import os
import sys

sys.path.insert(0, __file__.rpartition('/tools/')[0])

from ddas_mm.cli.parser import ToolParser, aligned, at_least
from ddas_mm.cli.run import run_tool
from ddas_mm.config import find_dicts, read_config
from ddas_mm.errors import SettingError
from ddas_mm.outcome.emit import AUGMENT
from ddas_mm.policy import PolicySchedule, policy_from_dict, read_policy
from ddas_mm.policy.effects import doubts, in_numbers, verdict_line

Row = tuple[PolicySchedule, int]


def load_policy(path: str) -> PolicySchedule:
    """Read a ``policy.json``, a ``ddas_policy.py`` or a config that holds a policy.

    Raises:
        SettingError: If there is no valid policy in the file.
    """
    if not path.endswith('.py'):
        return read_policy(path)
    config = read_config(path).to_dict()
    steps = find_dicts(config.get('train_dataloader') or {}, AUGMENT)
    found = [config.get('ddas_policy'), *(step.get('policy') for step in steps)]
    policy = next((policy for policy in found if policy is not None), None)
    if policy is None:
        raise SettingError(f'{path!r} holds no policy')
    named = isinstance(policy, str)
    return read_policy(policy) if named else policy_from_dict(policy, path)


def row_index(schedule: PolicySchedule, row: str) -> int:
    """Return the index of a row that was given from 1, or as 'last'.

    Raises:
        SettingError: If the schedule has no such row.
    """
    if row == 'last':
        return len(schedule) - 1
    if not row.isdigit() or not 1 <= int(row) <= len(schedule):
        raise SettingError(
            f"--row must be 1 to {len(schedule)}, the policy's rows, or last, "
            f'but is {row!r}'
        )
    return int(row) - 1


def row_table(schedule: PolicySchedule, index: int, top: int | None) -> str:
    """Return a row as text: p_tp, and the candidates from the most probable on."""
    space, effects = schedule.space, schedule.search.get('effects', [])
    head = (
        f'row {index + 1} of {len(schedule)}, table {space.table}, '
        f'{len(space)} candidates, {space.depth} per augmented image\n'
        f'p_tp {schedule.total_prob[index]:.4f} '
        f'(before smoothing {schedule.total_prob_raw[index]:.4f})\n'
        + '\n'.join([verdict_line(effects), *doubts(effects)] if effects else [])
        + '\n'
    )
    told = {e['candidate']: (in_numbers(e), e['verdict']) for e in effects}
    rows = [
        (label, f'{prob:.4f}', f'{prob * len(space):.2f} x', *told.get(label, ()))
        for label, prob in schedule.top(index, top or len(space))
    ]
    header = 'candidate', 'p_o', 'uniform', *(('effect', 'verdict') if effects else ())
    return head + aligned(header, rows)


def difference_table(first: Row, second: Row, top: int | None) -> str:
    """Return how one row differs from another, largest change first.

    A candidate that one of the spaces lacks has the probability 0 there.
    """
    totals = [schedule.total_prob[index] for schedule, index in (first, second)]
    probs = [dict(held.top(index, len(held.space))) for held, index in (first, second)]
    labels = list(dict.fromkeys([*probs[0], *probs[1]]))
    changes = {name: probs[1].get(name, 0) - probs[0].get(name, 0) for name in labels}
    labels.sort(key=lambda name: -abs(changes[name]))
    distance = sum(map(abs, changes.values())) / 2
    rows = [
        (name, *(_prob(p, name) for p in probs), f'{changes[name]:+.4f}')
        for name in labels[:top]
    ]
    return (
        f'p_tp {totals[0]:.4f} -> {totals[1]:.4f} ({totals[1] - totals[0]:+.4f}), '
        f'total variation of p_o {distance:.4f}\n\n'
        + aligned(('candidate', 'first', 'second', 'change'), rows)
    )


def _prob(probs: dict[str, float], name: str) -> str:
    return f'{probs[name]:.4f}' if name in probs else '-'


def main() -> None:
    """Print."""
    parser = ToolParser(__doc__)
    add = parser.add_argument
    add('policy', help='policy.json or emitted config')
    add('other', nargs='?', help='another, to compare it with')
    add('--row', default='last', help="search epoch, from 1, or 'last' (default)")
    add('--top', action=at_least(1), help='show so many candidates')
    args = parser.parse_args()
    policies = [load_policy(path) for path in (args.policy, args.other) if path]
    first, *others = [(policy, row_index(policy, args.row)) for policy in policies]
    if others:
        table = difference_table(first, *others, args.top)
    else:
        table = row_table(*first, args.top)
    try:
        print(table)
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        sys.stdout = open(os.devnull, 'w')  # noqa: SIM115


if __name__ == '__main__':
    run_tool(main)
