"""Gradients of views and of S_val, mixed and aligned.

The only place that knows autograd and torch.distributed. Gradients live in one flat
(L + 1, P) buffer, so that mixture and alignment are a matrix-vector product each.
With R ranks only the mixture and the S_val gradient are averaged, besides L scalars:
alignment is linear in the views' gradients.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.optim import OptimWrapper
from mmengine.utils import apply_to
from torch import Tensor, nn

from ddas_mm.policy import alignment
from ddas_mm.search.update import Gradient, NetworkUpdate, RunningStatistics


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
        self.params: list[Tensor] = [
            p for p in module.parameters() if p.requires_grad and id(p) in stepped
        ]
        self.update = NetworkUpdate(optim_wrapper, self.params)
        self.statistics = RunningStatistics(module)
        size = sum(p.numel() for p in self.params)
        first = self.params[0]
        self.views = first.new_zeros(num_policies + 1, size)
        self.view_grads = list(map(self._laid_out, self.views))
        # The mixture lives in .grad; the S_val gradient takes its place after the
        # step, unless the update's derivative asks for the mixture once more.
        self.grad = self._laid_out(first.new_zeros(size))
        self.grad_norm = first.new_zeros(())
        again = self.update.needs_gradient
        self.val_grad = self._laid_out(first.new_zeros(size)) if again else self.grad

    def _laid_out(self, flat: Tensor) -> Gradient:
        pieces = flat.split([p.numel() for p in self.params])
        pairs = zip(pieces, self.params, strict=True)
        return Gradient(flat, [x.as_strided(p.shape, p.stride()) for x, p in pairs])

    def of_view(self, view: int, batch: Any) -> dict[str, Tensor]:
        """Compute ``g_l`` of one view; return the loss values for the log."""
        if view == 0:
            self.statistics.save()
        return self._compute(batch, self.view_grads[view])

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
        for param in self.params:  # as MMEngine leaves it; the buffer is used again
            param.grad = None

    def mix(self, weights: Tensor) -> None:
        """Put the mixture into ``.grad`` and its norm into ``grad_norm``."""
        torch.mv(self.views.t(), weights.to(self.views), out=self.grad.flat)
        mean_over_ranks(self.grad.flat)
        for param, part in zip(self.params, self.grad.parts, strict=True):
            param.grad = part
        self.grad_norm = torch.linalg.vector_norm(self.grad.flat)

    def align(self, val_batch: Any) -> Tensor:
        """Return ``d_l`` at the present parameters, averaged over ranks (Eq. 13-15).

        Args:
            val_batch: A mini-batch of S_val.

        Returns:
            (L,) alignments, not finite where loss or gradient is not, on any rank.
            The views' gradients are used up.
        """
        with self.statistics.kept():
            self._compute(val_batch, self.val_grad)
        mean_over_ranks(self.val_grad.flat)
        self.update.pull_back(self.val_grad, self.grad, self.grad_norm)
        return mean_over_ranks(alignment(self.val_grad.flat, self.views))

    def _compute(self, batch: Any, into: Gradient) -> dict[str, Tensor]:
        loss, log_vars = compute_loss(self.module, batch, self.amp, self.channels_last)
        grads = torch.autograd.grad(loss, self.params, materialize_grads=True)
        with torch.no_grad():  # zeros of unused parameters ask for a gradient
            torch._foreach_copy_(into.parts, grads)
        # Zero, or NaN where the loss is not finite although its gradient is.
        into.flat[0] += loss.detach() * 0
        return log_vars


def mean_over_ranks(values: Tensor) -> Tensor:
    """Average a tensor over the ranks, in place and without a copy; return it."""
    world_size = get_world_size()
    if world_size > 1:
        all_reduce(values)
        values /= world_size
    return values


def compute_loss(
    module: Any, batch: Any, amp: bool = False, channels_last: bool = False
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the mini-batch loss that the model defines, and its parts for the log.

    Args:
        module: An MMEngine model.
        batch: What the data loader gives; must not be given twice.
        amp: Whether to compute under bfloat16 autocast, on any device.
        channels_last: Whether to give images to the network in that layout.
    """
    if amp:
        teach_bfloat16()
    data = module.data_preprocessor(batch, True)
    if channels_last:
        data = apply_to(data, _is_image, _contiguous_last)
    device = next(module.parameters()).device.type
    with torch.autocast(device, dtype=torch.bfloat16, enabled=amp):
        losses = module._run_forward(data, mode='loss')
        return module.parse_losses(losses)


@functools.cache
def teach_bfloat16() -> None:
    """Let mmcv's compiled operations work on float32 where they are given bfloat16.

    They (nms, RoIAlign, deformable convolutions, ...) know no bfloat16 on any device.
    Given anything else they do what they did. Once is enough: it is the process's.
    """
    try:
        from mmcv import _ext
    except ImportError:  # mmcv-lite has none
        return
    for name, function in inspect.getmembers(_ext, inspect.isbuiltin):
        setattr(_ext, name, _in_float32(function))


def _in_float32(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        copies: list[tuple[Tensor, Tensor]] = []

        def widened(value: Any) -> Any:
            if not isinstance(value, Tensor) or value.dtype != torch.bfloat16:
                return value
            copies.append((value, value.float()))
            return copies[-1][1]

        named = {name: widened(value) for name, value in kwargs.items()}
        result = function(*map(widened, args), **named)
        for given, copy in copies:
            # which are results is not known; .data: autograd need not hear of it
            given.data.copy_(copy)
        return result

    return call


def _is_image(value: Any) -> bool:
    return isinstance(value, Tensor) and value.dim() == 4


def _contiguous_last(value: Tensor) -> Tensor:
    return value.contiguous(memory_format=torch.channels_last)


def weights_last(module: nn.Module) -> None:
    """Bring the weights of 2-D convolutions into channels_last, in place.

    Layers that would crash with it are given their input in NCHW.
    """
    for param in filter(_is_image, module.parameters()):
        param.data = _contiguous_last(param.data)
    for layer in module.modules():
        if _crashes_in_channels_last(layer):
            layer.register_forward_pre_hook(_input_nchw)


def _crashes_in_channels_last(layer: nn.Module) -> bool:
    """Whether oneDNN would write over other memory in the layer's backward.

    Its weight gradient of a strided 1 x 1 convolution of fewer than 16 channels does,
    on CPUs with AVX-512 (torch 2.11); more channels, groups or padding are fine.
    """
    return (
        isinstance(layer, nn.Conv2d)
        and layer.weight.device.type == 'cpu'
        and layer.kernel_size == (1, 1)
        and layer.stride != (1, 1)
        and layer.in_channels < 16
    )


def _input_nchw(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(value.contiguous() for value in inputs)


def compile_parts(module: nn.Module) -> None:
    """Let torch.compile translate the network's parts (backbone, neck, head), in place.

    What passes between a model and its parts are tensors, whereas the model's own
    ``forward`` also takes annotations: objects that change with every batch, for each
    of which torch would check or compile anew.
    """
    for name, part in module.named_children():
        if name != 'data_preprocessor':
            part.forward = torch.compile(part.forward)
