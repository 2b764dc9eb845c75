"""Adam whose step a condition on the device can leave out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

STATE = ('step', 'exp_avg', 'exp_avg_sq')
EPSILON = 1e-8


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
        self.step_count = param.detach().new_zeros(())
        self.exp_avg = torch.zeros_like(param.detach())
        self.exp_avg_sq = torch.zeros_like(self.exp_avg)

    @torch.no_grad()
    def step(self, where: Tensor) -> None:
        """Take one step along ``param.grad`` where the condition holds.

        Args:
            where: () bool, on the parameter's device.
        """
        assert self.param.grad is not None
        beta1, beta2 = self.betas
        count = self.step_count + 1
        mean = self.exp_avg.lerp(self.param.grad, 1 - beta1)
        square = beta2 * self.exp_avg_sq + (1 - beta2) * self.param.grad**2
        size = self.lr / (1 - beta1**count)
        change = size * mean / ((square / (1 - beta2**count)).sqrt() + EPSILON)
        for old, new in (
            (self.step_count, count),
            (self.exp_avg, mean),
            (self.exp_avg_sq, square),
            (self.param, self.param - change),
        ):
            old.copy_(torch.where(where, new, old))

    def state_dict(self) -> dict[str, Any]:
        """Return copies of the moments and of the count of steps."""
        values = self.step_count, self.exp_avg, self.exp_avg_sq
        return {k: v.clone() for k, v in zip(STATE, values, strict=True)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a state of :meth:`state_dict`."""
        values = self.step_count, self.exp_avg, self.exp_avg_sq
        for name, value in zip(STATE, values, strict=True):
            value.copy_(state[name])
