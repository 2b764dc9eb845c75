"""What a search can tell apart, against simulated searches."""

import numpy as np
import pytest
from scipy.stats import norm

from ddas_mm.policy.budget import SPREAD, Budget


def simulated_draws(rng, budget):
    """Policies of a search in which nothing helps, and their ``r``."""
    shape = budget.steps, budget.num_policies
    policies = rng.integers(budget.candidates, size=(*shape, budget.depth))
    values = rng.normal(size=shape) + 0.3 * rng.normal(size=(budget.steps, 1))
    return policies, values / np.abs(values).mean(1, keepdims=True)


@pytest.mark.parametrize('sizes', [(200, 18, 3), (1000, 59, 3), (200, 18, 7)])
def test_detectable_effect_is_found_in_four_of_five_searches(sizes):
    budget, rng = Budget(*sizes, depth=1), np.random.default_rng(0)
    found = []
    for _ in range(400):
        policies, values = simulated_draws(rng, budget)
        drawn = values[policies[..., 0] == 0] + budget.detectable
        z = drawn.mean() / (drawn.std(ddof=1) / np.sqrt(len(drawn)))
        found.append(norm.sf(z) * 2 * budget.candidates < 0.05)
    assert 0.75 < np.mean(found) < 0.9


@pytest.mark.parametrize('depth', [1, 2, 3])
def test_standard_error_follows_the_draws_whatever_the_depth(depth):
    budget, rng = Budget(600, 20, 3, depth), np.random.default_rng(1)
    policies, values = simulated_draws(rng, budget)
    counts = (policies[..., None] == np.arange(20)).sum(2).reshape(-1, 20)
    _, (left,), *_ = np.linalg.lstsq(counts, values.reshape(-1, 1))
    variance = left / (len(counts) - 20) * np.linalg.inv(counts.T @ counts)
    errors = np.sqrt(np.diag(variance))
    assert np.median(errors) == pytest.approx(SPREAD / budget.draws**0.5, rel=0.12)
    assert budget.draws == pytest.approx(counts.sum(0).mean())


def test_sentence_says_where_a_search_cannot_work():
    small = Budget(steps=144, candidates=59, num_policies=3, depth=2)
    assert str(small).startswith(
        '15 draws per candidate: only very large effects will show; fewer candidates'
    )
    # (3.34 + 0.84) * 1.253 / sqrt(574), as from a table of the normal distribution
    enough = Budget(steps=5640, candidates=59, num_policies=3, depth=2)
    assert str(enough).startswith('574 draws per candidate: effects of 0.22 and more')
