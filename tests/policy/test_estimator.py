"""The policy gradient against autograd through the unrolled update (float64)."""

import pytest
import torch

from ddas_mm.policy import PolicyParams, alignment
from ddas_mm.policy.estimator import policy_loss, sequence_probs

LR = 0.3
K, L, DEPTH, P = 7, 3, 2, 11


class QuadraticProblem:
    """Views and validation batch whose losses are quadratics of theta (P,)."""

    def __init__(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape):
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        self.theta = draw(P)
        self.matrices = draw(L + 2, P, P)  # D_0 .. D_L, V
        self.offsets = draw(L + 2, P)
        self.alpha_op = draw(K).requires_grad_()
        self.alpha_total = draw(1)[0].requires_grad_()
        self.policies = torch.randint(K, (L, DEPTH), generator=generator)

    def loss(self, batch: int, theta: torch.Tensor) -> torch.Tensor:
        return ((self.matrices[batch] @ theta + self.offsets[batch]) ** 2).mean()

    def grad(self, batch: int, theta: torch.Tensor) -> torch.Tensor:
        theta = theta.detach().requires_grad_()
        return torch.autograd.grad(self.loss(batch, theta), theta)[0]

    def weights(self) -> torch.Tensor:
        """(L,) ``w_l = p_tp P(phi_l) / Z`` with Z a constant."""
        op_probs = self.alpha_op.softmax(0)
        probs = torch.stack(
            [op_probs[policy[0]] * op_probs[policy[1]] for policy in self.policies]
        )
        return self.alpha_total.sigmoid() * probs / probs.sum().detach()

    def unrolled_grads(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """d loss(V, theta - lr g) / d (alpha_op, alpha_total), and d_l by autograd."""
        plain = self.grad(0, self.theta)
        views = torch.stack([self.grad(i + 1, self.theta) for i in range(L)])
        weights = self.weights()
        mixture = (1 - weights.sum()) * plain + weights @ views
        val_loss = self.loss(L + 1, self.theta - LR * mixture)
        return torch.autograd.grad(val_loss, [self.alpha_op, self.alpha_total, weights])

    def estimated_grads(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        grads = torch.stack([self.grad(i, self.theta) for i in range(L + 1)])
        weights = self.weights().detach()
        mixture = (1 - weights.sum()) * grads[0] + weights @ grads[1:]
        val_grad = self.grad(L + 1, self.theta - LR * mixture)
        alignments = alignment(LR * val_grad, grads)
        loss = policy_loss(
            self.alpha_total.sigmoid(),
            sequence_probs(self.alpha_op.softmax(0), self.policies),
            alignments,
            LR,
        )
        grads = torch.autograd.grad(loss, [self.alpha_op, self.alpha_total])
        return *grads, alignments


@pytest.mark.parametrize('seed', range(5))
def test_policy_gradient_equals_autograd_through_unrolled_step(seed):
    problem = QuadraticProblem(seed)
    expected_op, expected_total, expected_alignments = problem.unrolled_grads()
    found_op, found_total, found_alignments = problem.estimated_grads()
    normaliser = expected_alignments.abs().sum() / LR  # Z_g
    exact = {'rtol': 1e-9, 'atol': 0}
    torch.testing.assert_close(found_alignments, expected_alignments, **exact)
    torch.testing.assert_close(found_total, expected_total / normaliser, **exact)
    torch.testing.assert_close(
        found_op, expected_op / normaliser, rtol=1e-9, atol=1e-9 * found_op.abs().max()
    )


def test_policy_gradient_does_not_depend_on_scale_of_validation_loss():
    steps = []
    for scale in (1.0, 1e-6):
        policy = PolicyParams(K, op_lr=0.1, total_lr=0.1)
        policies = torch.tensor([[0, 1], [2, 2], [5, 6]])
        alignments = scale * torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64)
        policy.step(alignments, policies, LR)
        steps.append((policy.alpha_op.grad, policy.alpha_total.grad))
    torch.testing.assert_close(steps[0], steps[1], rtol=1e-12, atol=1e-15)


def test_identical_view_has_zero_alignment():
    grads = torch.randn(1, 1000).repeat(L + 1, 1)
    assert alignment(torch.randn(1000), grads).tolist() == [0.0] * L
