"""Skipped steps: which are counted, and when they stop a search."""

import copy
import logging
import math

import numpy as np
import pytest
import torch

from ddas_mm.errors import SearchFailed
from ddas_mm.policy import SearchSpace
from ddas_mm.search.log import StepLog, StepRecord

SPACE = SearchSpace('classification', (('Invert', None), ('Rotate', 6)), 1)
GOOD, STILL = [0.2, -0.1], [0.0, 0.0]
BAD = [math.nan, 0.1]


def log_of(*steps, **state):
    """A log that has read steps, each told by its alignments."""
    log = StepLog(SPACE, max_skipped=2, logger=logging.getLogger('silent'))
    log.logger.disabled = True
    if state:
        log.load_state_dict(state)
    for number, alignments in enumerate(steps, 1):
        log.add(
            StepRecord(
                number,
                policies=torch.tensor([[0], [1]]),
                base_lr=0.1,
                grad_norm=torch.tensor(1.0),
                alignments=torch.tensor(alignments),
                losses={'loss': torch.tensor(float(number))},
            )
        )
    return log


def test_a_step_that_counts_ends_a_row_of_skipped_ones():
    log = log_of(BAD, BAD, GOOD, BAD, BAD)
    assert [values['ddas/skipped'] for values in log.read()] == [1, 2, 2, 3, 4]
    assert (log.skipped_steps, log.skipped_in_a_row) == (4, 2)
    assert log.read() == []


def test_one_more_than_may_be_in_a_row_stops_the_search():
    with pytest.raises(SearchFailed, match='step 6: .* 3 steps in a row'):
        log_of(BAD, BAD, GOOD, BAD, BAD, BAD).read()


def test_a_row_goes_on_after_a_resume():
    state = {'skipped_steps': 7, 'skipped_in_a_row': 2}
    state['history'] = log_of().state_dict()['history']
    with pytest.raises(SearchFailed, match='3 steps in a row'):
        log_of(BAD, **state).read()
    assert log_of(GOOD, BAD, BAD, **state).read()[-1]['ddas/skipped'] == 9


def test_a_step_with_nothing_to_learn_from_is_counted_and_does_not_stop():
    log = log_of(*[STILL] * 5)
    assert log.read()[-1] == {
        'loss': 5.0,
        'ddas/alignment': 0.0,
        'ddas/helped': 0.0,
        'ddas/skipped': 5,
    }


def test_history_holds_the_steps_that_count_and_goes_on_after_a_resume():
    log = log_of(BAD, GOOD, STILL, BAD, GOOD[::-1])
    log.read()
    state = copy.deepcopy(log.state_dict())
    history = state['history']
    np.testing.assert_array_equal(history['alignments'], np.float32([GOOD, GOOD[::-1]]))
    assert history['policies'].tolist() == [[[0], [1]]] * 2
    resumed = log_of(GOOD, **state)
    resumed.read()
    assert len(resumed.history['policies']) == 3
    np.testing.assert_array_equal(
        resumed.history['alignments'][:2], history['alignments']
    )
    assert log_of().history['policies'].shape[0] == 0


def test_signal_is_of_the_steps_that_count():
    values = log_of(GOOD, BAD).read()
    assert values[0]['ddas/alignment'] == pytest.approx(0.15 / 0.1)
    assert values[0]['ddas/helped'] == 0.5
    assert (values[1]['ddas/alignment'], values[1]['ddas/helped']) == (0.0, 0.0)
