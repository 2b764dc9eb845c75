"""Splitting a training pipeline into the parts that a search needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmengine.dataset import Compose, ConcatDataset

from ddas_mm.data.augment import DDASAugment
from ddas_mm.errors import SettingError

# Random steps that carry no mark of mmcv's randomness bookkeeping.
UNMARKED_RANDOM = ('Albu', 'Albumentations', 'CutOut', 'AutoAugment', 'TrivialAugment')
# Random steps that also bring images to the network's size: nothing can stand in.
SIZE_GIVING = (
    'RandomResize',
    'RandomChoiceResize',
    'RandomResizedCrop',
    'EfficientNetRandomCrop',
)


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


def deterministic_pipeline(pipeline: Compose) -> Compose:
    """Return the pipeline without DDASAugment and without random steps.

    S_val is kept as original (paper Section 3.2).

    Raises:
        SettingError: If a random step also gives the images their size.
    """
    kept: list[Callable[..., Any]] = []
    for step in pipeline.transforms:
        name = type(step).__name__
        if name in SIZE_GIVING:
            raise SettingError(
                f'the pipeline of S_val cannot be derived: {name} is random and gives '
                'images their size; set train_cfg.policy_dataloader.dataset.pipeline'
            )
        if not isinstance(step, DDASAugment) and not is_random(step):
            kept.append(step)
    return Compose(kept)


def is_random(step: Any) -> bool:
    """Return whether a pipeline step draws random numbers, as far as mm can tell."""
    wrapped = getattr(step, 't', step)  # mmpretrain's wrapper of torchvision's steps
    name = type(wrapped).__name__
    return bool(
        getattr(step, '_methods_with_randomness', None)
        or getattr(step, 'avoid_cache_randomness', False)
        or name.startswith(('Random', *UNMARKED_RANDOM))
    )
