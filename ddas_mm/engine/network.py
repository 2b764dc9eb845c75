"""How the network's loss is computed: precision, memory layout, compilation."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def compute_loss(
    module: nn.Module, batch: Any, amp: bool = False, channels_last: bool = False
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
        data = _images_last(data)
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

        values = [widened(value) for value in args]
        named = {name: widened(value) for name, value in kwargs.items()}
        result = function(*values, **named)
        for given, copy in copies:
            # which are results is not known; .data: autograd need not hear of it
            given.data.copy_(copy)
        return result

    return call


def _images_last(data: Any) -> Any:
    """Return the preprocessed batch with its image tensors in channels_last."""
    if isinstance(data, Tensor) and data.dim() == 4:
        return data.contiguous(memory_format=torch.channels_last)
    if isinstance(data, dict):
        return {key: _images_last(value) for key, value in data.items()}
    if type(data) in (list, tuple):
        return type(data)(_images_last(value) for value in data)
    return data


def weights_last(module: nn.Module) -> None:
    """Bring the weights of 2-D convolutions into channels_last, in place.

    Layers that would crash with it are given their input in NCHW.
    """
    for param in module.parameters():
        if param.dim() == 4:
            param.data = param.data.contiguous(memory_format=torch.channels_last)
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
