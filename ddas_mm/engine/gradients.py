"""Gradients of views and of S_val, mixed and aligned.

The only place that knows autograd and torch.distributed. Gradients live in one flat
(L + 1, P) buffer, so that mixture and alignment are a matrix-vector product each.
With R ranks only the mixture and the S_val gradient are averaged, besides L scalars:
alignment is linear in the views' gradients (spec of the method, section 2).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.optim import OptimWrapper
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ddas_mm.core import alignment


class ViewGradients:
    """Gradient bookkeeping of one search.

    Args:
        module: The network, without its distributed wrapper.
        optim_wrapper: The network's optimiser; gives each parameter's rate.
        num_policies: L.
        amp: Whether losses are computed under bfloat16 autocast.
    """

    def __init__(
        self,
        module: nn.Module,
        optim_wrapper: OptimWrapper,
        num_policies: int,
        amp: bool = False,
    ) -> None:
        self.module, self.amp = module, amp
        self.params = [p for p in module.parameters() if p.requires_grad]
        groups = optim_wrapper.optimizer.param_groups
        by_param = {id(p): group for group in groups for p in group['params']}
        no_group: dict[str, float] = {'lr': 0.0}
        self.groups = [by_param.get(id(p), no_group) for p in self.params]
        size = sum(p.numel() for p in self.params)
        first = self.params[0]
        self.views = first.new_zeros(num_policies + 1, size)
        self.view_parts = [self._parts(row) for row in self.views]
        # The mixture lives in .grad; the S_val gradient takes its place after the step.
        self.grad = first.new_zeros(size)
        self.grad_parts = self._parts(self.grad)

    def _parts(self, flat: Tensor) -> list[Tensor]:
        pieces = flat.split([p.numel() for p in self.params])
        return [piece.view_as(p) for piece, p in zip(pieces, self.params, strict=True)]

    def of_view(self, view: int, batch: Any) -> dict[str, Tensor]:
        """Compute ``g_l`` of one view; return the loss values for the log."""
        return self._compute(batch, self.view_parts[view])

    def mix(self, weights: Tensor) -> bool:
        """Put ``g = sum_l weights_l g_l``, averaged over ranks, into ``.grad``.

        Args:
            weights: (L + 1,) mixture weights (Eq. 12).

        Returns:
            Whether the mixture is finite on every rank.
        """
        torch.mv(self.views.t(), weights.to(self.views), out=self.grad)
        all_reduce(self.grad, op='mean')
        for param, part in zip(self.params, self.grad_parts, strict=True):
            param.grad = part
        return bool(torch.linalg.vector_norm(self.grad).isfinite())

    def align(self, val_batch: Any) -> Tensor:
        """Return ``d_l`` at the present parameters, averaged over ranks (Eq. 13-15).

        Args:
            val_batch: A mini-batch of S_val.

        Returns:
            (L,) alignments. The views' gradients are used up.
        """
        with running_statistics_kept(self.module):
            self._compute(val_batch, self.grad_parts)
        all_reduce(self.grad, op='mean')
        rates = [group['lr'] for group in self.groups]
        torch._foreach_mul_(self.grad_parts, rates)
        alignments = alignment(self.grad, self.views)
        all_reduce(alignments, op='mean')
        return alignments

    def broken_views(self) -> list[int]:
        """Return the views whose gradient on this rank is not finite."""
        finite = torch.linalg.vector_norm(self.views, dim=1).isfinite()
        return torch.nonzero(~finite).flatten().tolist()

    def _compute(self, batch: Any, into: Sequence[Tensor]) -> dict[str, Tensor]:
        loss, log_vars = compute_loss(self.module, batch, self.amp)
        grads = torch.autograd.grad(loss, self.params, allow_unused=True)
        present = [(to, g) for to, g in zip(into, grads, strict=True) if g is not None]
        torch._foreach_copy_([to for to, _ in present], [g for _, g in present])
        for to, grad in zip(into, grads, strict=True):
            if grad is None:
                to.zero_()
        return log_vars


def compute_loss(
    module: nn.Module, batch: Any, amp: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the mini-batch loss that the model defines, and its parts for the log.

    Args:
        module: An MMEngine model.
        batch: What the data loader gives; must not be given twice.
        amp: Whether to compute under bfloat16 autocast, on any device.
    """
    data = module.data_preprocessor(batch, True)
    device = next(module.parameters()).device.type
    with torch.autocast(device, dtype=torch.bfloat16, enabled=amp):
        losses = module._run_forward(data, mode='loss')
        return module.parse_losses(losses)


@contextmanager
def running_statistics_kept(module: nn.Module) -> Iterator[None]:
    """Let BatchNorm normalise by batch, as in training, and remember nothing."""
    layers = [
        layer
        for layer in module.modules()
        if isinstance(layer, _BatchNorm)
        and layer.training
        and layer.track_running_stats
    ]
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in layers:
            layer.track_running_stats = True
