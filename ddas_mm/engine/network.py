"""How the network's loss is computed: precision, memory layout, compilation."""

from __future__ import annotations

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
    data = module.data_preprocessor(batch, True)
    if channels_last:
        data = _images_last(data)
    device = next(module.parameters()).device.type
    with torch.autocast(device, dtype=torch.bfloat16, enabled=amp):
        losses = module._run_forward(data, mode='loss')
        return module.parse_losses(losses)


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
    """Bring the weights of 2-D convolutions into channels_last, in place."""
    for param in module.parameters():
        if param.dim() == 4:
            param.data = param.data.contiguous(memory_format=torch.channels_last)


def compile_parts(module: nn.Module) -> None:
    """Let torch.compile translate the network's parts (backbone, neck, head), in place.

    What passes between a model and its parts are tensors, whereas the model's own
    ``forward`` also takes annotations: objects that change with every batch, for each
    of which torch would check or compile anew.
    """
    for name, part in module.named_children():
        if name != 'data_preprocessor':
            part.forward = torch.compile(part.forward)
