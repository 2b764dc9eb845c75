"""The policy in a training's pipeline: DDASAugment, what it needs, and baselines."""

from ddas_mm.augment.baselines import SubPolicyAugment, TorchvisionAutoAugment
from ddas_mm.augment.draws import FixedDraws
from ddas_mm.augment.seg_map import LoadSegMapFromMasks
from ddas_mm.augment.transform import DDASAugment

__all__ = [
    'DDASAugment',
    'FixedDraws',
    'LoadSegMapFromMasks',
    'SubPolicyAugment',
    'TorchvisionAutoAugment',
]
