"""How the network's update answers to the gradient it is given.

Alignment (Eq. 13 to 15) is the derivative of the S_val loss, after the update, by the
weights of the views' gradients. For torch's SGD the update is ``theta - eta u``, where
``u`` is linear in the clipped gradient: weight decay and what momentum remembers do
not depend on it. What remains is a rate per parameter, and the clipping.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from mmengine.utils import digit_version
from torch import Tensor

# Older fused SGD knows no CPU (2.4 was the first that does).
FUSED_SGD = digit_version(torch.__version__) >= digit_version('2.4.0')
NORM_EPSILON = 1e-6  # torch.nn.utils.clip_grad_norm_ divides by norm + 1e-6


def update_rate(group: Mapping[str, Any]) -> float:
    """Return ``c`` of ``d theta' = -c d g`` for one parameter group of SGD.

    It is ``eta``, and ``(1 + momentum) eta`` with Nesterov's momentum, whose step is
    ``g + momentum b`` with ``b`` the momentum buffer that ``g`` was added to. Where all
    groups share it, ``1 + momentum`` cancels in ``Z_g``.
    """
    return group['lr'] * (1 + group['momentum'] if group['nesterov'] else 1)


def base_rate(optimizer: torch.optim.Optimizer) -> float:
    """Return ``eta_0``, the largest learning rate of all parameter groups now.

    It only scales ``Z_g``, so that any would do but zero, which groups that are frozen
    by their rate have.
    """
    return max(group['lr'] for group in optimizer.param_groups)


class GuardedStep:
    """The network's step, left out where its gradient is not finite.

    The device decides, as it does under torch's GradScaler: a fused SGD looks at
    ``found_inf``. Before torch 2.4 the host waits for the answer, once per step.

    Args:
        optim_wrapper: The network's optimiser, a plain SGD.
        params: The parameters that it steps.
    """

    def __init__(self, optim_wrapper: OptimWrapper, params: list[Tensor]) -> None:
        self.optim_wrapper = optim_wrapper
        self.optimizer = optim_wrapper.optimizer
        self.fused = FUSED_SGD and params[0].device.type in ('cpu', 'cuda')
        if self.fused:
            for group in self.optimizer.param_groups:
                group.update(fused=True, foreach=False)
            self._lay_out_momentum(params)

    def __call__(self, finite: Tensor) -> None:
        """Step where ``finite`` (a bool) is true."""
        if self.fused:
            self.optimizer.found_inf = (~finite).float()
        elif not finite:
            return
        self.optim_wrapper.step()

    def _lay_out_momentum(self, params: list[Tensor]) -> None:
        """Give every parameter a momentum buffer of its own layout.

        The fused step reads memory in order. And torch would leave the buffers without
        a value if the first step of all is left out; zero is what they start from.
        """
        groups = self.optimizer.param_groups
        used = {id(p) for group in groups if group['momentum'] for p in group['params']}
        for param in params:
            if id(param) in used:
                state = self.optimizer.state[param]
                buffer = torch.zeros_like(param.detach())
                if state.get('momentum_buffer') is not None:
                    buffer.copy_(state['momentum_buffer'])
                state['momentum_buffer'] = buffer


class Clipping:
    """The derivative of the gradient clipping that an optim wrapper applies.

    Args:
        optim_wrapper: The network's optimiser, with ``clip_grad`` or without.
    """

    def __init__(self, optim_wrapper: OptimWrapper) -> None:
        kwargs = optim_wrapper.clip_grad_kwargs or {}
        self.max_norm: float | None = kwargs.get('max_norm')
        self.clip_value: float | None = kwargs.get('clip_value')

    def __bool__(self) -> bool:
        """Whether gradients are clipped at all."""
        return self.max_norm is not None or self.clip_value is not None

    def pull_back(self, vector: Tensor, clipped: Tensor, norm: Tensor) -> None:
        """Multiply a vector by the (symmetric) Jacobian of clipping, in place.

        By value, an entry that was clipped does not answer at all. By norm, the
        gradient ``g`` of norm ``n`` became ``h = c g`` with
        ``c = max_norm / (n + 1e-6)`` below one; ``dh = c (dg - g (g.dg) / (n (n +
        1e-6)))``: a change along ``g`` is almost lost.

        Args:
            vector: (P,) what is multiplied.
            clipped: (P,) the gradient after clipping, ``h``; zeroed where the norm is
                not finite.
            norm: () its norm before clipping, ``n``.
        """
        good = norm.isfinite()  # else the step was left out, and nothing clipped
        clipped.masked_fill_(~good, 0)
        if self.clip_value is not None:
            vector.mul_(clipped.abs() < self.clip_value)  # NaN stays NaN
        elif self.max_norm is not None:
            scale = torch.where(good, self.max_norm / (norm + NORM_EPSILON), 1)
            radial = (clipped @ vector) * (norm + NORM_EPSILON) / norm
            active = scale < 1  # stays on the device: no synchronisation
            share = torch.where(active, radial / self.max_norm**2, 0)
            vector.addcmul_(clipped, share, value=-1).mul_(scale.clamp(max=1))
