"""Splitting a training pipeline into the parts that a search needs."""

from __future__ import annotations

from typing import Any

from mmengine.dataset import Compose, ConcatDataset

from ddas_mm.data.augment import DDASAugment
from ddas_mm.errors import SettingError


def leaf_datasets(dataset: Any) -> list[Any]:
    """Return the data sets below ConcatDatasets, in the order of their indices.

    Raises:
        SettingError: If there is another wrapper, whose pipeline cannot be split.
    """
    if isinstance(dataset, ConcatDataset):
        return [leaf for part in dataset.datasets for leaf in leaf_datasets(part)]
    if not isinstance(getattr(dataset, 'pipeline', None), Compose):
        raise SettingError(
            'a search cannot split the pipeline of train_dataloader.dataset of type '
            f'{type(dataset).__name__}; use the plain data set, or a ConcatDataset'
        )
    return [dataset]


def split_pipeline(pipeline: Compose) -> tuple[Compose, Compose]:
    """Return the steps before and after the pipeline's DDASAugment.

    Raises:
        SettingError: If there is not exactly one at the top level of the pipeline.
    """
    steps = pipeline.transforms
    places = [i for i, step in enumerate(steps) if isinstance(step, DDASAugment)]
    if len(places) != 1:
        raise SettingError(
            'the pipeline of train_dataloader.dataset must hold one '
            f"dict(type='ddas_mm.DDASAugment') at its top level, but holds "
            f'{len(places)}; put one behind the steps that load image and annotations'
        )
    place = places[0]
    return Compose(steps[:place]), Compose(steps[place + 1 :])
