"""Networks of the paper that mmpretrain lacks."""

from ddas_mm.models.resnet import ResNet200, WideResNet
from ddas_mm.models.shake_shake import ShakeShake

__all__ = ['ResNet200', 'ShakeShake', 'WideResNet']
