"""Networks of the paper that mmpretrain lacks: ResNet-200, WideResNet, Shake-Shake."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from ddas_mm.errors import SettingError
from ddas_mm.registry import MODELS


@MODELS.register_module()
def ResNet200(**settings: Any) -> nn.Module:
    """Build mmpretrain's ResNet with 3, 24, 36 and 3 bottlenecks.

    A function, since the class that it extends is met through the registry only.

    Args:
        **settings: Arguments of mmpretrain's ``ResNet``, without ``depth``.
    """
    resnet = MODELS.get('mmpretrain.ResNet')
    bottleneck, _ = resnet.arch_settings[50]
    blocks = {200: (bottleneck, (3, 24, 36, 3))}
    return type('ResNet200', (resnet,), {'arch_settings': blocks})(200, **settings)


HE_INIT = [
    {'type': 'Kaiming', 'layer': ['Conv2d']},
    {'type': 'Constant', 'val': 1, 'layer': ['BatchNorm2d']},
]
"""Initialisation by He et al."""


def three_groups(
    block: Callable[[int, int, int], nn.Module], number: int, channels: int
) -> nn.Sequential:
    """Return three groups of blocks; the first of the second and third halve the side.

    Args:
        block: Of input channels, output channels and stride.
        number: Blocks of a group.
        channels: Of the first group, which double in each; the input has 16.
    """
    blocks, before = [], 16
    for group in range(3):
        for index in range(number):
            stride = 2 if group and not index else 1
            blocks.append(block(before, channels * 2**group, stride))
            before = channels * 2**group
    return nn.Sequential(*blocks)


class PreActBlock(nn.Module):
    """Norm, ReLU, convolution, twice; the shortcut starts behind the first ReLU.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: Stride of the first convolution.
        drop_rate: Dropout between the convolutions.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, drop_rate: float
    ) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.drop = nn.Dropout(drop_rate)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.shortcut = None
        if in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, out_channels, H / stride, W / stride) features."""
        active = F.relu(self.norm1(x))
        out = self.conv2(self.drop(F.relu(self.norm2(self.conv1(active)))))
        return out + (x if self.shortcut is None else self.shortcut(active))


@MODELS.register_module()
class WideResNet(BaseModule):
    """WRN-``depth``-``width``, pre-activation, as a backbone of mmpretrain.

    Args:
        depth: Convolution layers, ``6 n + 4``.
        width: Factor k on the 16, 32 and 64 channels of the three groups.
        drop_rate: Dropout inside the blocks.
        init_cfg: Initialisation; He et al.'s by default.

    Raises:
        SettingError: If the depth is not ``6 n + 4``.
    """

    def __init__(
        self,
        depth: int = 28,
        width: int = 10,
        drop_rate: float = 0.0,
        init_cfg: dict | list | None = HE_INIT,
    ) -> None:
        super().__init__(init_cfg)
        if depth < 10 or (depth - 4) % 6:
            raise SettingError(
                f'WideResNet.depth must be 6 n + 4 with n >= 1, but is {depth!r}'
            )
        self.stem = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        block = partial(PreActBlock, drop_rate=drop_rate)
        self.blocks = three_groups(block, (depth - 4) // 6, 16 * width)
        self.norm = nn.BatchNorm2d(64 * width)

    def forward(self, x: Tensor) -> tuple[Tensor]:
        """Return the last features, (N, 64 k, H / 4, W / 4), as a tuple."""
        return (F.relu(self.norm(self.blocks(self.stem(x)))),)


def shake(first: Tensor, second: Tensor) -> Tensor:
    """Return ``a first + (1 - a) second``, with another ``a`` for the gradient.

    Both weights are uniform in [0, 1), drawn for every image from torch's global
    generator ("Shake-Shake-Image", the best in Gastaldi's Table 1).

    Args:
        first: (N, C, H, W) output of one branch.
        second: (N, C, H, W) output of the other.
    """
    shape = first.shape[0], 1, 1, 1
    value, slope = torch.rand((2, *shape), device=first.device).to(first.dtype)
    difference = first - second
    # only the first two terms have a gradient, the last corrects their value
    return second + slope * difference + ((value - slope) * difference).detach()


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
        half = out_channels // 2
        self.here = nn.Conv2d(in_channels, half, 1, stride, bias=False)
        self.beside = nn.Conv2d(in_channels, out_channels - half, 1, stride, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, out_channels, H / stride, W / stride) features."""
        x = F.relu(x)
        beside = F.pad(x, (1, -1, 1, -1))  # what lies one pixel to the left and up
        return self.norm(torch.cat([self.here(x), self.beside(beside)], dim=1))


@MODELS.register_module()
class ShakeShake(BaseModule):
    """Shake-Shake ``depth`` 2 x ``base_channels`` d (Gastaldi, 2017), as a backbone.

    Of mmpretrain, for 32 x 32 images.

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
