"""Networks of the paper that mmpretrain lacks."""

from ddas_mm.models.resnet200 import ResNet200
from ddas_mm.models.shake_shake import ShakeShake
from ddas_mm.models.wide_resnet import WideResNet

__all__ = ['ResNet200', 'ShakeShake', 'WideResNet']
