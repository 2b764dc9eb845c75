"""Effects of candidates: the estimate, its intervals, verdicts, what is emitted."""

from functools import partial

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from ddas_mm.policy import PolicySchedule, SearchSpace, estimate_effects
from ddas_mm.policy.effects import (
    agreement,
    doubts,
    effects_to_list,
    select_candidates,
    shrink,
    verdict_line,
)


def steps_of(rng, effects, spread, steps, policies=3, depth=1):
    """Policies and alignments of steps whose noise is shared, heavy, and uneven."""
    drawn = rng.integers(len(effects), size=(steps, policies, depth))
    shared = rng.standard_t(5, size=(steps, 1))
    noise = (rng.standard_t(4, size=drawn.shape[:2]) + shared) * np.sqrt(
        (spread[drawn] ** 2).sum(axis=-1)
    )
    scale = np.exp(rng.normal(size=(steps, 1)))
    return drawn, -scale * (effects[drawn].sum(axis=-1) + noise)


def by_hand(drawn, alignments, size, k):
    """Effect, and the statistic of ``effect = b`` as a function of b, by loops."""
    rows, values, step = [], [], []
    for t, (policies, d) in enumerate(zip(drawn, alignments, strict=True)):
        for policy, one in zip(policies, d, strict=True):
            rows.append([float(np.sum(policy == c)) for c in range(size)])
            values.append(-one / np.mean(np.abs(d)))
            step.append(t)
    rows, values = np.array(rows), np.array(values)
    effect = np.linalg.lstsq(rows, values, rcond=None)[0][k]
    others = np.delete(rows, k, axis=1)
    hat = others @ np.linalg.pinv(others)
    free = rows[:, k] - hat @ rows[:, k]

    def statistic(b):
        left = values - rows[:, k] * b  # what the other candidates have to explain
        left = left - hat @ left
        total, variance = 0.0, 0.0
        for t in range(len(drawn)):
            mine = [i for i in range(len(step)) if step[i] == t]
            total += sum(free[i] * left[i] for i in mine)
            variance += (
                sum(free[i] * left[i] / np.sqrt(1 - hat[i, i]) for i in mine) ** 2
            )
        return total / np.sqrt(variance)

    return effect, statistic


def beyond(statistic, bound, b):
    return statistic(b) - bound


@pytest.mark.parametrize('depth', [1, 2])
def test_estimate_equals_a_regression_and_test_by_loops(depth):
    size, rng = 5, np.random.default_rng(depth)
    true, spread = rng.normal(size=size), rng.uniform(0.5, 2, size)
    drawn, alignments = steps_of(rng, true, spread, 30, depth=depth)
    found = estimate_effects(drawn, alignments, size)
    p_values = []
    for k in range(size):
        effect, statistic = by_hand(drawn, alignments, size, k)
        assert found.mean[k] == pytest.approx(effect, abs=1e-10)
        p_values.append(2 * norm.sf(abs(statistic(0))))
        for end, bound in (('low', 1), ('high', -1)):
            passed = partial(beyond, statistic, bound * norm.ppf(0.975))
            expected = brentq(passed, effect - 9, effect + 9, xtol=1e-13)
            assert getattr(found, end)[k] == pytest.approx(expected, abs=1e-10)
    order = np.argsort(p_values)
    expected, worst = {}, 0.0
    for place, k in enumerate(order):  # Holm, step by step
        worst = max(worst, p_values[k] * (size - place))
        expected[k] = min(worst, 1)
    for k in range(size):
        assert found.p_value[k] == pytest.approx(expected[k], abs=1e-10)


def test_one_draw_per_step_gives_the_plain_standard_error_of_a_mean():
    rng = np.random.default_rng(0)
    drawn, alignments = steps_of(rng, np.zeros(3), np.ones(3), 60, policies=2)
    drawn[:, 1] = (drawn[:, 0] + 1) % 3
    found = estimate_effects(drawn, alignments, 3)
    response = -alignments / np.abs(alignments).mean(axis=1, keepdims=True)
    for k in range(3):
        values = response[drawn[..., 0] == k]
        assert found.draws[k] == len(values)
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert found.std_error[k] == pytest.approx(error)


SPREAD = np.exp(np.random.default_rng(1).normal(0, 0.7, 12))
PLANTED = np.array([1.0, -0.7, *[0.0] * 10])


@pytest.mark.parametrize('depth', [1, 2])
def test_intervals_hold_the_true_effect_in_95_percent(depth):
    """True is what a search of 40,000 steps would find."""
    rng = np.random.default_rng(depth)
    drawn, alignments = steps_of(rng, PLANTED, SPREAD, 40_000, depth=depth)
    counts = (drawn[..., None] == np.arange(12)).sum(axis=2).reshape(-1, 12)
    response = -alignments / np.abs(alignments).mean(axis=1, keepdims=True)
    true = np.linalg.lstsq(counts, response.ravel(), rcond=None)[0]
    held = []
    for _ in range(200):
        found = estimate_effects(
            *steps_of(rng, PLANTED, SPREAD, 100, depth=depth), num_candidates=12
        )
        held.append((found.low <= true) & (true <= found.high))
    assert 0.93 <= np.mean(held) <= 0.97


@pytest.mark.parametrize('policies', [1, 3])
def test_at_most_5_percent_of_searches_tell_anything_of_nothing(policies):
    rng = np.random.default_rng(policies)
    wrong = sum(
        {
            *estimate_effects(
                *steps_of(rng, 0 * SPREAD, SPREAD, 80, policies), 12
            ).verdict
        }
        != {'not told apart'}
        for _ in range(400)
    )
    assert wrong <= 0.05 * 400


def test_what_is_planted_is_told_and_what_is_close_asks_for_steps():
    rng = np.random.default_rng(0)
    true = np.array([1.0, -1.0, 0.2, 0.0])
    drawn, alignments = steps_of(rng, true, 0.5 * np.ones(4), 60)
    found = estimate_effects(drawn, alignments, 4)
    assert found.verdict[:2] == ['helps', 'harms']
    assert np.isinf(found.steps_needed[:2]).all()
    assert found.verdict[2] == 'not told apart'
    times = 1 + found.steps_needed[2] / 60
    for share, verdict in ((0.7, 'not told apart'), (1.4, 'helps')):
        same = [np.concatenate([a] * round(share * times)) for a in (drawn, alignments)]
        assert estimate_effects(*same, 4).verdict[2] == verdict


def test_identity_that_changes_nothing_has_no_effect_and_no_error():
    rng = np.random.default_rng(0)
    drawn, alignments = steps_of(rng, np.ones(3), np.ones(3), 50)
    alignments[drawn[..., 0] == 0] = 0
    found = estimate_effects(drawn, alignments, 3)
    assert (found.mean[0], found.std_error[0]) == (0, 0)
    assert (found.low[0], found.high[0]) == (0, 0)
    assert found.verdict[0] == 'not told apart'
    assert np.isinf(found.steps_needed[0])


def test_what_was_not_drawn_or_never_alone_is_not_known():
    drawn = np.array([[[0, 1], [2, 2]], [[1, 0], [2, 2]]] * 20)
    alignments = np.random.default_rng(0).normal(5, 1, drawn.shape[:2])
    found = estimate_effects(drawn, alignments, 4)
    assert found.verdict == [*['not told apart'] * 2, 'harms', 'not told apart']
    assert np.isinf(found.std_error[[0, 1, 3]]).all()
    assert np.isinf(found.high[[0, 1, 3]]).all()
    assert effects_to_list(found, 'abcd')[3]['low'] is None
    none = estimate_effects(drawn[:0], alignments[:0], 4)
    assert (none.steps, none.verdict) == (0, ['not told apart'] * 4)


def test_thirds_are_the_steps_of_the_early_middle_and_late_search():
    rng = np.random.default_rng(0)
    parts = [steps_of(rng, e * np.ones(2), np.ones(2), 40) for e in (2, 0, -2)]
    whole = [np.concatenate(both) for both in zip(*parts, strict=True)]
    found = estimate_effects(*whole, 2).thirds
    for third, part in zip(found, parts, strict=True):
        np.testing.assert_array_equal(third.mean, estimate_effects(*part, 2).mean)
    assert [third.verdict[0] for third in found] == ['helps', 'not told apart', 'harms']


def test_levels_that_agree_are_drawn_together_and_others_left():
    error = np.array([1.0, 1, 1, 0.1, 0.1, np.inf])
    names = ['a', 'a', 'b', 'c', 'c', 'c']
    found = shrink(np.array([0.5, -0.1, 7, 5, -5, 9]), error, names)
    assert found[:3] == pytest.approx([0.2, 0.2, 7])  # spread by less than errors
    # variance of true effects: (2 * 2500 - 1) / 100 = 49.99
    assert found[3:] == pytest.approx([*(5 * 49.99 / 50 * np.array([1, -1])), 9])


SPACE = SearchSpace('detection', (('Identity', None), ('Invert', None), ('Rotate', 6)))
ROWS = [(0.5, np.array([0.2, 0.6, 0.2])), (0.3, np.array([0.0, 1.0, 0.0]))]
VERDICTS = ['not told apart', 'harms', 'helps']


@pytest.mark.parametrize(
    ('emit', 'total', 'probs'),
    [
        ('learned', [0.5, 0.3], [[0.2, 0.6, 0.2], [0, 1, 0]]),
        ('without_harmful', [0.5, 0], [[0.5, 0, 0.5], [0, 1, 0]]),
        ('helpful', [0.5, 0], [[0, 0, 1], [0, 1, 0]]),
    ],
)
def test_what_is_left_out_is_never_drawn(emit, total, probs):
    schedule = PolicySchedule.from_snapshots(SPACE, ROWS)
    found = select_candidates(schedule, VERDICTS, emit)
    assert found.total_prob.tolist() == pytest.approx(total)
    np.testing.assert_allclose(found.op_probs, probs)
    assert found.search.get('emit', 'learned') == emit


def test_where_none_is_known_to_help_those_that_harm_are_left_out():
    schedule = PolicySchedule.from_snapshots(SPACE, ROWS[:1])
    verdicts = ['not told apart', 'harms', 'not told apart']
    found = select_candidates(schedule, verdicts, 'helpful')
    np.testing.assert_allclose(found.op_probs, [[0.5, 0, 0.5]])
    assert found.total_prob.tolist() == [0.5]
    assert found.search['emit'] == 'without_harmful'


def test_verdict_in_words():
    effects = [
        {'candidate': name, 'verdict': verdict, 'effect': e, 'low': -1, 'high': 1}
        for name, verdict, e in (
            *[(f'good {i}', 'helps', i) for i in range(1, 8)],
            ('Invert', 'harms', -0.5),
            ('Cutout 4', 'not told apart', 0.1),
        )
    ]
    assert verdict_line(effects, 2) == (
        '7 help: good 7, good 6, …; 1 harm: Invert; 1 not told apart'
    )
    assert doubts(effects) == []
    assert verdict_line(effects[8:]) == '0 help; 0 harm; 1 not told apart'
    (told,) = doubts([{**effects[8], 'draws': 12}])
    assert 'None of the 1 candidates is told apart' in told
    identity = {'candidate': 'Identity', 'verdict': 'harms', 'effect': -0.3}
    (told,) = doubts([{**identity, 'low': -0.5, 'high': -0.1}])
    assert 'Identity, which does nothing, has the effect -0.30' in told


def test_seeds_agree_as_far_as_their_errors_let_them():
    rng = np.random.default_rng(5)
    truth, spread = rng.normal(0, 0.3, 20), np.ones(20)
    names = [str(k) for k in range(20)]
    for steps, settled in ((60, False), (1500, True)):
        found = []
        for _ in range(30):
            history = steps_of(rng, truth, spread, steps, 7, 2)
            found.append(effects_to_list(estimate_effects(*history, 20), names))
        means = np.array([[e['effect'] for e in told] for told in found])
        between = np.corrcoef(means)[np.triu_indices(30, 1)].mean()
        expected = np.mean([agreement(told) for told in found])
        assert expected == pytest.approx(between, abs=0.06)
        doubtful = [bool(doubts(told)) for told in found]
        assert np.mean(doubtful) < 0.2 if settled else np.mean(doubtful) > 0.8
    assert np.isnan(agreement(found[0][:2]))
