"""The policy in a training's pipeline: DDASAugment, what it needs, and baselines."""

from ddas_mm.augment.baselines import SubPolicyAugment, TorchvisionAutoAugment
from ddas_mm.augment.steps import FixedDraws, LoadSegMapFromMasks
from ddas_mm.augment.transform import DDASAugment

__all__ = [
    'DDASAugment',
    'FixedDraws',
    'LoadSegMapFromMasks',
    'SubPolicyAugment',
    'TorchvisionAutoAugment',
]
