"""The MMEngine-facing side of the data: transform, views, splits, samplers."""

from ddas_mm.data.augment import DDASAugment
from ddas_mm.data.sampler import EndlessBatchSampler, PolicyBatchSampler
from ddas_mm.data.views import ValidationDataset, ViewDataset, collate_views

__all__ = [
    'DDASAugment',
    'EndlessBatchSampler',
    'PolicyBatchSampler',
    'ValidationDataset',
    'ViewDataset',
    'collate_views',
]
