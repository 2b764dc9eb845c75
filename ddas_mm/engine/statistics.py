"""BatchNorm's running statistics: kept from S_val, and taken back after a fault."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class RunningStatistics:
    """Running statistics of all BatchNorm layers of a network.

    Args:
        module: The network.
    """

    def __init__(self, module: nn.Module) -> None:
        self.layers = [
            layer
            for layer in module.modules()
            if isinstance(layer, _BatchNorm) and layer.track_running_stats
        ]
        self._live: list[list[Tensor]] = []  # by dtype
        self._saved: list[Tensor] = []  # each list as one flat tensor

    def save(self) -> None:
        """Remember them as they are: a few numbers per channel."""
        by_dtype: dict[torch.dtype, list[Tensor]] = {}
        for layer in self._active():
            for buffer in layer.buffers():
                by_dtype.setdefault(buffer.dtype, []).append(buffer)
        self._live = list(by_dtype.values())
        self._saved = [_flat(buffers) for buffers in self._live]

    def restore_unless(self, good: Tensor) -> None:
        """Take back what was remembered where ``good`` (a bool) is false.

        The device decides; the host does not wait for it.
        """
        for buffers, saved in zip(self._live, self._saved, strict=True):
            values = torch.where(good, _flat(buffers), saved)
            pieces = values.split([buffer.numel() for buffer in buffers])
            kept = [p.view_as(b) for p, b in zip(pieces, buffers, strict=True)]
            torch._foreach_copy_(buffers, kept)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Let the layers normalise by batch, as in training, and remember nothing."""
        layers = self._active()
        for layer in layers:
            layer.track_running_stats = False
        try:
            yield
        finally:
            for layer in layers:
                layer.track_running_stats = True

    def _active(self) -> list[_BatchNorm]:
        return [layer for layer in self.layers if layer.training]


def _flat(tensors: list[Tensor]) -> Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors])
