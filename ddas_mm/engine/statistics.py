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
        self._live: list[Tensor] = []
        self._saved: list[Tensor] = []

    def save(self) -> None:
        """Remember them as they are: a few numbers per channel."""
        live = self._buffers()
        if list(map(id, live)) == list(map(id, self._live)):
            if live:
                torch._foreach_copy_(self._saved, live)
        else:
            self._live, self._saved = live, [buffer.clone() for buffer in live]

    def restore(self) -> None:
        """Take back what was remembered."""
        if self._live:
            torch._foreach_copy_(self._live, self._saved)

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

    def _buffers(self) -> list[Tensor]:
        return [buffer for layer in self._active() for buffer in layer.buffers()]
