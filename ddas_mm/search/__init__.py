"""The search: Algorithm 1 as a train loop, its data and its gradients."""

from ddas_mm.search.loop import DDASLoop
from ddas_mm.search.sampler import EndlessBatchSampler, PolicyBatchSampler
from ddas_mm.search.views import ValidationDataset, ViewDataset, collate_views

__all__ = [
    'DDASLoop',
    'EndlessBatchSampler',
    'PolicyBatchSampler',
    'ValidationDataset',
    'ViewDataset',
    'collate_views',
]
