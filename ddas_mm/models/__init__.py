"""Networks of the paper that mmpretrain lacks."""

from ddas_mm.models.wide_resnet import WideResNet

__all__ = ['WideResNet']
