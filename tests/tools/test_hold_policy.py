"""Policies held at their last epoch (paper Table 6)."""

import numpy as np
import pytest

from ddas_mm.policy import PolicySchedule, SearchSpace, read_policy, write_policy
from tools.analysis_tools import hold_policy

TOTAL, OPS = [0.2, 0.4, 0.9], [[0.5, 0.5], [0.3, 0.7], [0.1, 0.9]]


@pytest.mark.parametrize(
    ('hold', 'total_prob', 'op_probs'),
    [
        (['total_prob'], [0.9] * 3, OPS),
        (['op_probs'], TOTAL, [OPS[-1]] * 3),
        (['total_prob', 'op_probs'], [0.9], OPS[-1:]),
    ],
)
def test_last_values_stand_in_every_row(
    tmp_path, monkeypatch, hold, total_prob, op_probs
):
    space = SearchSpace('classification', (('Invert', None), ('Rotate', 6)))
    snapshots = [(t, np.array(row)) for t, row in zip(TOTAL, OPS, strict=True)]
    source, out = tmp_path / 'policy.json', tmp_path / 'held.json'
    write_policy(PolicySchedule.from_snapshots(space, snapshots), source)
    command = ['hold_policy.py', str(source), '--out', str(out), '--hold', *hold]
    monkeypatch.setattr('sys.argv', command)
    hold_policy.main()
    held = read_policy(out)
    assert held.space == space
    np.testing.assert_array_equal(held.total_prob, total_prob)
    np.testing.assert_array_equal(held.total_prob_raw, total_prob)
    np.testing.assert_array_equal(held.op_probs, op_probs)
