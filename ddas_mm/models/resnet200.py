"""ResNet-200, the one depth of the paper that mmpretrain's ResNet lacks."""

from __future__ import annotations

from typing import Any

from torch import nn

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
