"""Gradients of views and of S_val, mixed and aligned.

The only place that knows autograd and torch.distributed. Gradients live in one flat
(L + 1, P) buffer, so that mixture and alignment are a matrix-vector product each.
With R ranks only the mixture and the S_val gradient are averaged, besides L scalars:
alignment is linear in the views' gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from ddas_mm.core import alignment
from ddas_mm.engine.network import compute_loss
from ddas_mm.engine.statistics import RunningStatistics
from ddas_mm.engine.update import NetworkUpdate


class ViewGradients:
    """Gradient bookkeeping of one search.

    Args:
        module: The network, without its distributed wrapper.
        optim_wrapper: The network's optimiser.
        num_policies: L.
        amp: Whether losses are computed under bfloat16 autocast.
        channels_last: Whether images are given to the network in that layout.
    """

    def __init__(
        self,
        module: nn.Module,
        optim_wrapper: OptimWrapper,
        num_policies: int,
        amp: bool = False,
        channels_last: bool = False,
    ) -> None:
        self.module, self.amp, self.channels_last = module, amp, channels_last
        groups = optim_wrapper.optimizer.param_groups
        stepped = {id(p) for group in groups for p in group['params']}
        self.params = [
            p for p in module.parameters() if p.requires_grad and id(p) in stepped
        ]
        self.update = NetworkUpdate(optim_wrapper, self.params)
        self.statistics = RunningStatistics(module)
        size = sum(p.numel() for p in self.params)
        first = self.params[0]
        self.views = first.new_zeros(num_policies + 1, size)
        self.view_parts = [self._parts(row) for row in self.views]
        # The mixture lives in .grad; the S_val gradient takes its place after the
        # step, unless the update's derivative asks for the mixture once more.
        self.grad = first.new_zeros(size)
        self.grad_parts = self._parts(self.grad)
        self.grad_norm = first.new_zeros(())
        again = self.update.needs_gradient
        self.val_grad = torch.empty_like(self.grad) if again else self.grad
        self.val_parts = self._parts(self.val_grad)

    def _parts(self, flat: Tensor) -> list[Tensor]:
        """Return the buffer's pieces in shape and memory layout of the parameters."""
        pieces = flat.split([p.numel() for p in self.params])
        return [
            piece.as_strided(p.shape, p.stride())
            for piece, p in zip(pieces, self.params, strict=True)
        ]

    def of_view(self, view: int, batch: Any) -> dict[str, Tensor]:
        """Compute ``g_l`` of one view; return the loss values for the log."""
        if view == 0:
            self.statistics.save()
        return self._compute(batch, self.views[view], self.view_parts[view])

    def step_with(self, weights: Tensor) -> None:
        """Step the network along ``g = sum_l weights_l g_l``, averaged over ranks.

        Where a loss or gradient is not finite, on any rank, the network is left as it
        was, and the views leave no trace in BatchNorm's running statistics either;
        ``grad_norm`` tells.

        Args:
            weights: (L + 1,) mixture weights (Eq. 12).
        """
        self.mix(weights)
        finite = self.grad_norm.isfinite()
        self.statistics.restore_unless(finite)
        self.update.step(finite)

    def mix(self, weights: Tensor) -> None:
        """Put the mixture into ``.grad`` and its norm into ``grad_norm``."""
        torch.mv(self.views.t(), weights.to(self.views), out=self.grad)
        mean_over_ranks(self.grad)
        for param, part in zip(self.params, self.grad_parts, strict=True):
            param.grad = part
        self.grad_norm = torch.linalg.vector_norm(self.grad)

    def align(self, val_batch: Any) -> Tensor:
        """Return ``d_l`` at the present parameters, averaged over ranks (Eq. 13-15).

        Args:
            val_batch: A mini-batch of S_val.

        Returns:
            (L,) alignments, not finite where loss or gradient is not, on any rank.
            The views' gradients are used up.
        """
        with self.statistics.kept():
            self._compute(val_batch, self.val_grad, self.val_parts)
        mean_over_ranks(self.val_grad)
        self.update.pull_back(
            self.val_grad, self.val_parts, self.grad, self.grad_parts, self.grad_norm
        )
        return mean_over_ranks(alignment(self.val_grad, self.views))

    def _compute(
        self, batch: Any, flat: Tensor, parts: Sequence[Tensor]
    ) -> dict[str, Tensor]:
        loss, log_vars = compute_loss(self.module, batch, self.amp, self.channels_last)
        grads = torch.autograd.grad(loss, self.params, allow_unused=True)
        present = [(to, g) for to, g in zip(parts, grads, strict=True) if g is not None]
        torch._foreach_copy_([to for to, _ in present], [g for _, g in present])
        for to, grad in zip(parts, grads, strict=True):
            if grad is None:
                to.zero_()
        # Zero, or NaN where the loss is not finite although its gradient is.
        flat[0] += loss.detach() * 0
        return log_vars


def mean_over_ranks(values: Tensor) -> Tensor:
    """Average a tensor over the ranks, in place and without a copy; return it."""
    world_size = get_world_size()
    if world_size > 1:
        all_reduce(values)
        values /= world_size
    return values
