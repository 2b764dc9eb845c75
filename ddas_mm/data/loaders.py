"""From a training's data loader settings to those of S_train and S_val."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from mmengine.dist import get_dist_info
from mmengine.registry import DATA_SAMPLERS, FUNCTIONS
from torch.utils.data import BatchSampler, DataLoader

from ddas_mm.core import SearchSpace
from ddas_mm.data.sampler import EndlessBatchSampler, PolicyBatchSampler
from ddas_mm.data.views import ValidationDataset, ViewDataset, collate_views
from ddas_mm.errors import SettingError

# Settings of mm data loaders that are no arguments of torch's.
MM_SETTINGS = ('dataset', 'sampler', 'batch_sampler', 'batch_size', 'collate_fn')
UNUSED = ('drop_last', 'worker_init_fn', 'num_batch_per_epoch')
# Settings that torch refuses without workers.
WORKER_SETTINGS = ('persistent_workers', 'prefetch_factor', 'multiprocessing_context')


def build_view_loader(
    dataset: ViewDataset,
    config: Mapping[str, Any],
    space: SearchSpace,
    num_policies: int,
    seed: int,
) -> DataLoader:
    """Build the loader of S_train: ``views`` and ``policies`` of each mini-batch.

    Args:
        dataset: S_train.
        config: ``train_dataloader``.
        space: The search space.
        num_policies: L.
        seed: The run's seed, equal on all ranks.
    """
    batch_size = _batch_size(config, 'train_dataloader')
    sampler = DATA_SAMPLERS.build(
        config.get('sampler', {'type': 'DefaultSampler', 'shuffle': True}),
        default_args={'dataset': dataset, 'seed': seed},
    )
    if not hasattr(sampler, 'epoch') or not hasattr(sampler, 'seed'):
        raise SettingError(
            f'train_dataloader.sampler of type {type(sampler).__name__} knows no '
            "epochs; a search needs one that does, e.g. dict(type='DefaultSampler')"
        )
    inner = config.get('batch_sampler')
    if inner is None:
        batches = BatchSampler(sampler, batch_size, config.get('drop_last', False))
    else:
        batches = DATA_SAMPLERS.build(
            inner, default_args={'sampler': sampler, 'batch_size': batch_size}
        )
    return DataLoader(
        dataset,
        batch_sampler=PolicyBatchSampler(
            batches, sampler, len(space), num_policies, space.depth
        ),
        collate_fn=partial(collate_views, collate=_collate(config)),
        **_torch_settings(config),
    )


def build_val_loader(
    dataset: ValidationDataset, config: Mapping[str, Any], seed: int
) -> DataLoader:
    """Build the endless loader of S_val.

    Args:
        dataset: S_val.
        config: ``train_cfg.policy_dataloader``, completed by ``train_dataloader``.
        seed: The run's seed, equal on all ranks.

    Raises:
        SettingError: If S_val is smaller than one mini-batch on every rank.
    """
    batch_size = _batch_size(config, 'train_cfg.policy_dataloader')
    rank, world_size = get_dist_info()
    if len(dataset) < batch_size * world_size:
        raise SettingError(
            f'S_val has {len(dataset)} images, fewer than one mini-batch of '
            f'train_cfg.policy_dataloader.batch_size={batch_size} on each of '
            f'{world_size} processes'
        )
    return DataLoader(
        dataset,
        batch_sampler=EndlessBatchSampler(
            len(dataset), batch_size, seed, rank, world_size
        ),
        collate_fn=_collate(config),
        # one endless stream: no second start for which workers would be kept
        **{**_torch_settings(config), 'persistent_workers': False},
    )


def _batch_size(config: Mapping[str, Any], name: str) -> int:
    value = config.get('batch_size')
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SettingError(
            f'{name}.batch_size must be a positive integer, but is {value!r}'
        )
    return value


def _collate(config: Mapping[str, Any]) -> Callable[[list[Any]], Any]:
    collate = config.get('collate_fn', {'type': 'pseudo_collate'})
    if callable(collate):
        return collate
    settings = dict(collate)
    name = settings.pop('type')
    function = FUNCTIONS.get(name) if isinstance(name, str) else name
    if function is None:
        raise SettingError(f'collate_fn.type {name!r} is not a known function')
    return partial(function, **settings)


def _torch_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    # No worker_init_fn: ViewDataset seeds every sample by itself.
    unwanted = MM_SETTINGS + UNUSED
    if config.get('num_workers', 0) == 0:
        unwanted += WORKER_SETTINGS
    settings = {key: value for key, value in config.items() if key not in unwanted}
    # only pinned memory is copied to a GPU beside its work
    return {'pin_memory': torch.cuda.is_available(), **settings}
