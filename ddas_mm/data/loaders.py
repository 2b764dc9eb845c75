"""From a training's data loader settings to those of S_train and S_val."""

from __future__ import annotations

import inspect
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
from ddas_mm.errors import SettingError, check_integer, check_keys

# Settings of mm data loaders that are no arguments of torch's.
MM_SETTINGS = ('dataset', 'sampler', 'batch_sampler', 'batch_size', 'collate_fn')
UNUSED = ('drop_last', 'worker_init_fn', 'num_batch_per_epoch')
TORCH = tuple(inspect.signature(DataLoader).parameters)
# Settings that torch refuses without workers.
WORKER_SETTINGS = ('persistent_workers', 'prefetch_factor', 'multiprocessing_context')


def check_loader(name: str, config: Any) -> None:
    """Check the settings of a data loader, as far as they are given.

    Args:
        name: Where they stand.
        config: What stands there.

    Raises:
        SettingError: If a key is not known, or a number is out of range.
    """
    check_keys(name, config, MM_SETTINGS + UNUSED + TORCH)
    for key, least in (('batch_size', 1), ('num_workers', 0)):
        if key in config:
            check_integer(f'{name}.{key}', config[key], least)


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
    batch_size = check_integer(
        'train_dataloader.batch_size', config.get('batch_size'), 1
    )
    sampler = _sampler('sampler', config, dataset=dataset, seed=seed)
    if not hasattr(sampler, 'epoch') or not hasattr(sampler, 'seed'):
        raise SettingError(
            f'train_dataloader.sampler of type {type(sampler).__name__} knows no '
            "epochs; a search needs one that does, e.g. dict(type='DefaultSampler')"
        )
    if config.get('batch_sampler') is None:
        batches = BatchSampler(sampler, batch_size, config.get('drop_last', False))
    else:
        batches = _sampler(
            'batch_sampler', config, sampler=sampler, batch_size=batch_size
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
    batch_size = check_integer(
        'train_cfg.policy_dataloader.batch_size', config.get('batch_size'), 1
    )
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


def _sampler(key: str, config: Mapping[str, Any], **default_args: Any) -> Any:
    settings = config.get(key, {'type': 'DefaultSampler', 'shuffle': True})
    try:
        return DATA_SAMPLERS.build(settings, default_args=default_args)
    except (KeyError, TypeError, ValueError) as error:
        reason = str(error.args[0]).partition('. ')[0]
        raise SettingError(
            f'train_dataloader.{key} {settings!r} cannot be built: {reason}'
        ) from error


def _collate(config: Mapping[str, Any]) -> Callable[[list[Any]], Any]:
    collate = config.get('collate_fn', {'type': 'pseudo_collate'})
    if callable(collate):
        return collate
    if not isinstance(collate, Mapping) or 'type' not in collate:
        raise SettingError(f"collate_fn must be a dict with 'type', but is {collate!r}")
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
