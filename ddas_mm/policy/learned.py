"""Adam whose step a condition on the device can leave out."""

import math
from typing import Annotated, Any

import numpy as np
import torch
from msgspec import Meta
from numpy.typing import NDArray
from torch import Tensor

from ddas_mm.errors import Rate, SettingError, check_arguments
from ddas_mm.policy.estimator import mixture_weights, policy_loss, sequence_probs

EPSILON = 1e-8
Inside = Annotated[float, Meta(gt=0, lt=1)]
Beta = Annotated[float, Meta(ge=0, lt=1)]


class MaskedAdam:
    """Adam (Kingma and Ba, 2015), which steps where a condition holds.

    Nothing waits for the condition: it may be a result that the device has not
    computed yet. A step that is left out leaves no trace, neither in the moments nor in
    the count. (torch's own Adam can do this in its fused form, which not all devices
    and supported versions have.)

    Args:
        param: What is optimised.
        lr: Learning rate.
        betas: Decay of the two moments.
    """

    def __init__(self, param: Tensor, lr: float, betas: tuple[float, float]) -> None:
        self.param, self.lr, self.betas = param, lr, betas
        zero = torch.zeros_like(param.detach())
        self.state = {'step': zero.new_zeros(())}
        self.state |= {'exp_avg': zero, 'exp_avg_sq': zero.clone()}

    @torch.no_grad()
    def step(self, where: Tensor) -> None:
        """Take one step along ``param.grad`` where the condition holds.

        Args:
            where: () bool, on the parameter's device.
        """
        assert self.param.grad is not None
        beta1, beta2 = self.betas
        before, exp_avg, exp_avg_sq = self.state.values()
        count = before + 1
        mean = exp_avg.lerp(self.param.grad, 1 - beta1)
        square = beta2 * exp_avg_sq + (1 - beta2) * self.param.grad**2
        size = self.lr / (1 - beta1**count)
        change = size * mean / ((square / (1 - beta2**count)).sqrt() + EPSILON)
        after = count, mean, square, self.param - change
        for old, new in zip((*self.state.values(), self.param), after, strict=True):
            old.copy_(torch.where(where, new, old))

    def state_dict(self) -> dict[str, Any]:
        """Return copies of the moments and of the count of steps."""
        return {name: value.clone() for name, value in self.state.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a state of :meth:`state_dict`."""
        for name, value in self.state.items():
            value.copy_(state[name])


def sample_policies(
    rng: np.random.Generator, num_candidates: int, num_policies: int, depth: int
) -> NDArray[np.int64]:
    """Draw policies uniformly over candidates, with replacement (Section 3.5.1).

    Args:
        rng: Source of randomness.
        num_candidates: K.
        num_policies: L.
        depth: Operations per policy, N_o.

    Returns:
        (L, N_o) int64 candidate indices.
    """
    return rng.integers(num_candidates, size=(num_policies, depth))


class PolicyParams:
    """``alpha_o``, ``alpha_tp`` and one Adam for each.

    ``p_o = softmax(alpha_o)`` starts uniform, ``p_tp = sigmoid(alpha_tp)`` at
    ``total_prob``. They are float64, and live beside the network's gradients, so that
    no step waits for numbers on their way from or to the host.

    Args:
        num_candidates: K.
        total_prob: Initial ``p_tp``, inside (0, 1).
        op_lr: Adam's learning rate for ``alpha_o``.
        total_lr: Adam's learning rate for ``alpha_tp``.
        betas: Adam's betas (paper Appendix C: 0.5, 0.999).
        device: Where the policy lives; it must know float64.

    Raises:
        SettingError: If ``total_prob`` or a rate is out of range.
    """

    def __init__(
        self,
        num_candidates: int,
        total_prob: Inside = 0.35,
        op_lr: Rate = 0.005,
        total_lr: Rate = 0.001,
        betas: tuple[Beta, Beta] = (0.5, 0.999),
        device: torch.device | str = 'cpu',
    ) -> None:
        check_arguments(PolicyParams.__init__, locals(), 'PolicyParams')
        logit = math.log(total_prob / (1 - total_prob))
        zeros = torch.zeros(num_candidates, dtype=torch.float64, device=device)
        self.alpha_op = zeros.requires_grad_()
        self.alpha_total = zeros.new_tensor(logit, requires_grad=True)
        pair = betas[0], betas[1]  # a config may give a list
        self.op_optimizer = MaskedAdam(self.alpha_op, op_lr, pair)
        self.total_optimizer = MaskedAdam(self.alpha_total, total_lr, pair)

    @property
    def op_probs(self) -> Tensor:
        """(K,) ``p_o``, differentiable."""
        return self.alpha_op.softmax(dim=0)

    @property
    def total_prob(self) -> Tensor:
        """() ``p_tp``, differentiable."""
        return self.alpha_total.sigmoid()

    @property
    def active(self) -> NDArray[np.int64]:
        """Indices of the candidates that have not been dropped."""
        return np.flatnonzero(self.alpha_op.detach().isfinite().cpu().numpy())

    @torch.no_grad()
    def drop(self, candidates: NDArray[np.int64]) -> None:
        """Give candidates the probability zero for good.

        To the others nothing changes: the gradient holds ratios of sampled policies'
        probabilities (Eq. 16), of which dropped candidates must not be part.

        Args:
            candidates: Their indices; at least one candidate must be left.
        """
        self.alpha_op[torch.from_numpy(candidates).to(self.alpha_op.device)] = -math.inf

    @torch.no_grad()
    def mixture_weights(self, policies: Tensor) -> Tensor:
        """Return the (L + 1,) weights of the views' gradients (Eq. 12).

        Args:
            policies: (L, N_o) int64 candidate indices.
        """
        policy_probs = sequence_probs(self.op_probs, policies)
        return mixture_weights(self.total_prob, policy_probs)

    def step(self, alignments: Tensor, policies: Tensor, base_lr: float) -> None:
        """Update the policy once (Algorithm 1, line 12; Eq. 16 and 17).

        Where an alignment is not finite, or all are zero so that there is nothing to
        learn from, the policy stays as it is; the host need not know.

        Args:
            alignments: (L,) ``d_l``.
            policies: (L, N_o) int64 candidate indices of the step.
            base_lr: ``eta_0``, the largest learning rate of the network's groups.
        """
        alignments = alignments.to(self.alpha_op)
        usable = alignments.isfinite().all() & alignments.any()
        policy_probs = sequence_probs(self.op_probs, policies)
        loss = policy_loss(self.total_prob, policy_probs, alignments, base_lr)
        self.alpha_op.grad, self.alpha_total.grad = torch.autograd.grad(
            loss, [self.alpha_op, self.alpha_total]
        )
        self.op_optimizer.step(usable)
        self.total_optimizer.step(usable)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that an exact resume needs."""
        return {
            'alpha_op': self.alpha_op.detach().clone(),
            'alpha_total': self.alpha_total.detach().clone(),
            'op_optimizer': self.op_optimizer.state_dict(),
            'total_optimizer': self.total_optimizer.state_dict(),
        }

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a state of :meth:`state_dict`.

        Raises:
            SettingError: If the state is of a space with another K.
        """
        if state['alpha_op'].shape != self.alpha_op.shape:
            raise SettingError(
                f'the checkpoint holds a policy of {len(state["alpha_op"])} '
                f'candidates, but train_cfg.space has {len(self.alpha_op)}; '
                'resume with the space that the search was started with'
            )
        self.alpha_op.copy_(state['alpha_op'])
        self.alpha_total.copy_(state['alpha_total'])
        self.op_optimizer.load_state_dict(state['op_optimizer'])
        self.total_optimizer.load_state_dict(state['total_optimizer'])
