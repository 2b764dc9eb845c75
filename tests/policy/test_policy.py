"""Policy parameters: starting point, mixture, update, state, sampling."""

import numpy as np
import pytest
import torch

from ddas_mm.errors import SettingError
from ddas_mm.policy import PolicyParams, sample_policies
from ddas_mm.policy.estimator import sequence_probs
from ddas_mm.policy.learned import MaskedAdam


def test_policy_starts_uniform_at_configured_total_prob():
    policy = PolicyParams(5, total_prob=0.35)
    assert policy.total_prob.item() == pytest.approx(0.35, abs=1e-15)
    assert policy.op_probs.tolist() == pytest.approx([0.2] * 5)


def test_sequence_probs_are_products_of_op_probs():
    op_probs = torch.tensor([0.5, 0.3, 0.2])
    found = sequence_probs(op_probs, torch.tensor([[0, 1], [2, 2]]))
    assert found.tolist() == pytest.approx([0.15, 0.04])


def test_mixture_weights_by_hand():
    policy = PolicyParams(2, total_prob=0.75)
    with torch.no_grad():
        policy.alpha_op.copy_(torch.tensor([np.log(3.0), 0.0]))  # p_o = 3/4, 1/4
    weights = policy.mixture_weights(torch.tensor([[0], [1], [0]]))  # Z = 7/4
    assert weights.tolist() == pytest.approx([0.25, 9 / 28, 3 / 28, 9 / 28])


def test_policy_moves_towards_helpful_candidate():
    policy = PolicyParams(3, total_prob=0.5, op_lr=0.1, total_lr=0.1)
    policies = torch.tensor([[0], [1]])
    policy.step(torch.tensor([-1.0, 0.1]), policies, base_lr=0.1)
    op_probs = policy.op_probs.tolist()
    assert op_probs[0] > 1 / 3 > op_probs[1]
    assert policy.total_prob.item() > 0.5


def test_each_parameter_is_stepped_by_an_adam_of_its_own_rate():
    rates = {'op_lr': 0.05, 'total_lr': 0.002}
    policy = PolicyParams(3, **rates)
    expected = [a.detach().clone() for a in (policy.alpha_op, policy.alpha_total)]
    adams = [
        torch.optim.Adam([alpha], rate, (0.5, 0.999))
        for alpha, rate in zip(expected, rates.values(), strict=True)
    ]
    rng = torch.Generator().manual_seed(0)
    for _ in range(5):
        alignments = torch.randn(2, generator=rng, dtype=torch.float64)
        policy.step(alignments, torch.randint(3, (2, 2), generator=rng), 0.1)
        expected[0].grad, expected[1].grad = (
            policy.alpha_op.grad,
            policy.alpha_total.grad,
        )
        for adam in adams:
            adam.step()
    found = [policy.alpha_op.detach(), policy.alpha_total.detach()]
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize('value', [0.0, float('nan'), float('inf')])
def test_step_with_no_usable_signal_leaves_no_trace(value):
    policy = PolicyParams(3, op_lr=0.1)
    steps = torch.tensor([-1.0, 0.1]), torch.tensor([[0], [1]]), 0.1
    policy.step(*steps)
    before = policy.state_dict()  # Adam now has momentum that must not act
    policy.step(torch.tensor([0.0, value]), *steps[1:])
    torch.testing.assert_close(policy.state_dict(), before, rtol=0, atol=0)
    policy.step(*steps)
    assert not torch.equal(policy.alpha_op, before['alpha_op'])


def test_masked_adam_is_adam_of_the_steps_that_count():
    rng = torch.Generator().manual_seed(0)
    found = torch.randn(5, generator=rng, dtype=torch.float64).requires_grad_()
    expected = found.detach().clone().requires_grad_()
    masked = MaskedAdam(found, 0.05, (0.8, 0.99))
    adam = torch.optim.Adam([expected], 0.05, (0.8, 0.99))
    for number in range(9):
        found.grad = torch.randn(5, generator=rng, dtype=torch.float64)
        masked.step(torch.tensor(number % 3 != 1))
        if number % 3 != 1:
            expected.grad = found.grad
            adam.step()
    torch.testing.assert_close(found, expected, rtol=1e-13, atol=1e-15)


def test_state_round_trip_continues_bit_identically():
    rng = np.random.default_rng(0)
    steps = [
        (
            torch.from_numpy(rng.normal(size=3)),
            torch.from_numpy(rng.integers(6, size=(3, 2))),
        )
        for _ in range(8)
    ]
    whole = PolicyParams(6)
    for step in steps:
        whole.step(*step, base_lr=0.1)
    first, second = PolicyParams(6), PolicyParams(6)
    for step in steps[:4]:
        first.step(*step, base_lr=0.1)
    second.load_state_dict(first.state_dict())
    for step in steps[4:]:
        second.step(*step, base_lr=0.1)
    assert torch.equal(second.alpha_op, whole.alpha_op)
    assert torch.equal(second.alpha_total, whole.alpha_total)


def test_state_of_another_space_is_refused():
    with pytest.raises(SettingError, match='6 candidates.*has 7'):
        PolicyParams(7).load_state_dict(PolicyParams(6).state_dict())


def test_sampling_is_uniform_and_repeatable():
    draws = sample_policies(np.random.default_rng(3), 4, 5000, 2)
    assert draws.shape == (5000, 2)
    counts = np.bincount(draws.ravel(), minlength=4)
    # 5 standard deviations of a binomial(10000, 1/4) are 217
    assert np.abs(counts - 2500).max() < 217
    # operations of a policy know nothing of each other: 5 deviations again
    assert abs((draws[:, 0] == draws[:, 1]).mean() - 1 / 4) < 0.031
    again = sample_policies(np.random.default_rng(3), 4, 5000, 2)
    assert (draws == again).all()


@pytest.mark.parametrize(
    ('setting', 'value'),
    [('total_prob', 0), ('total_prob', 1.0), ('op_lr', -1), ('total_lr', float('nan'))],
)
def test_setting_out_of_range_is_named(setting, value):
    with pytest.raises(SettingError, match=f'{setting}.*{value}'):
        PolicyParams(3, **{setting: value})


def test_rates_may_be_numbers_of_numpy():
    assert PolicyParams(3, op_lr=np.float64(0.1)).op_optimizer.lr == 0.1
