"""Shake-Shake networks (Gastaldi, 2017), for 32 x 32 images."""

from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from ddas_mm.errors import SettingError
from ddas_mm.models.resnet import HE_INIT, three_groups
from ddas_mm.registry import MODELS


class _Shake(torch.autograd.Function):
    """Mix two branches by one weight forwards and by another one backwards."""

    @staticmethod
    def forward(
        ctx: Any, first: Tensor, second: Tensor, forwards: Tensor, backwards: Tensor
    ) -> Tensor:
        ctx.save_for_backward(backwards)
        return second + forwards * (first - second)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (backwards,) = ctx.saved_tensors
        to_first = backwards * grads[0]
        return to_first, grads[0] - to_first, None, None


def shake(first: Tensor, second: Tensor) -> Tensor:
    """Return ``a first + (1 - a) second``, with another ``a`` for the gradient.

    Both weights are uniform in [0, 1), drawn for every image from torch's global
    generator ("Shake-Shake-Image", the best in Gastaldi's Table 1).

    Args:
        first: (N, C, H, W) output of one branch.
        second: (N, C, H, W) output of the other.
    """
    shape = first.shape[0], 1, 1, 1
    forwards, backwards = (torch.rand(shape, device=first.device) for _ in range(2))
    kind = first.dtype
    return _Shake.apply(first, second, forwards.to(kind), backwards.to(kind))


class ShakeBlock(nn.Module):
    """Two residual branches, mixed at random in training and evenly otherwise.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Stride of the first convolutions.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.ReLU(),
                nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(),
                nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False),
                nn.BatchNorm2d(out_channels),
            )
            for _ in range(2)
        )
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels:
            self.shortcut = ShiftedShortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, out_channels, H / stride, W / stride) features."""
        first, second = (branch(x) for branch in self.branches)
        mixed = shake(first, second) if self.training else (first + second) / 2
        return self.shortcut(x) + mixed


class ShiftedShortcut(nn.Module):
    """Half of the channels from every ``stride``-th pixel, half from its neighbour.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Step between the pixels that are looked at.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        half = out_channels // 2
        self.here = nn.Conv2d(in_channels, half, 1, bias=False)
        self.beside = nn.Conv2d(in_channels, out_channels - half, 1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, out_channels, H / stride, W / stride) features."""
        x = F.relu(x)
        beside = F.pad(x, (1, -1, 1, -1))  # what lies one pixel to the left and up
        paths = [
            conv(pixels[:, :, :: self.stride, :: self.stride])
            for conv, pixels in ((self.here, x), (self.beside, beside))
        ]
        return self.norm(torch.cat(paths, dim=1))


@MODELS.register_module()
class ShakeShake(BaseModule):
    """Shake-Shake ``depth`` 2 x ``base_channels`` d, as a backbone of mmpretrain.

    Args:
        depth: Layers, ``6 n + 2``.
        base_channels: Channels of the first of the three groups, which double.
        init_cfg: Initialisation; He et al.'s by default.

    Raises:
        SettingError: If the depth is not ``6 n + 2``.
    """

    def __init__(
        self,
        depth: int = 26,
        base_channels: int = 96,
        init_cfg: dict | list | None = HE_INIT,
    ) -> None:
        super().__init__(init_cfg)
        if depth < 8 or (depth - 2) % 6:
            raise SettingError(
                f'ShakeShake.depth must be 6 n + 2 with n >= 1, but is {depth!r}'
            )
        self.stem = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        )
        self.blocks = three_groups(ShakeBlock, (depth - 2) // 6, base_channels)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Return the last features, (N, 4 base_channels, H / 4, W / 4), as a tuple."""
        return (F.relu(self.blocks(self.stem(x))),)
