"""The MMEngine-facing side of the data: transform, views, splits, samplers."""

from ddas_mm.data.augment import DDASAugment
from ddas_mm.data.sampler import EndlessBatchSampler, PolicyBatchSampler
from ddas_mm.data.sub_policies import SubPolicyAugment
from ddas_mm.data.svhn import SVHN
from ddas_mm.data.torchvision_augment import TorchvisionAutoAugment
from ddas_mm.data.views import ValidationDataset, ViewDataset, collate_views

__all__ = [
    'SVHN',
    'DDASAugment',
    'EndlessBatchSampler',
    'PolicyBatchSampler',
    'SubPolicyAugment',
    'TorchvisionAutoAugment',
    'ValidationDataset',
    'ViewDataset',
    'collate_views',
]
