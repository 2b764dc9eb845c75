"""S_train and S_val from the settings of a training's data set."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from mmengine.registry import DATASETS

from ddas_mm.data.space import CandidateOps
from ddas_mm.data.splits import check_disjoint, class_labels, split_indices
from ddas_mm.data.views import ValidationDataset, ViewDataset
from ddas_mm.errors import SettingError

PROXY_KEYS = ('num_train', 'num_val', 'seed')
VAL_DATASET = 'train_cfg.policy_dataloader.dataset'


def build_search_datasets(
    train_config: Mapping[str, Any],
    val_config: Mapping[str, Any],
    proxy: Mapping[str, Any],
    ops: CandidateOps,
    seed: int,
    paired: bool = False,
) -> tuple[ViewDataset, ValidationDataset]:
    """Build S_train as views, and S_val.

    Args:
        train_config: ``train_dataloader.dataset`` of the training.
        val_config: ``train_cfg.policy_dataloader.dataset``. Where it sets more than
            the pipeline, S_val is a data set of its own, else a split of the
            training set. Unset keys are as in ``train_config``.
        proxy: ``num_train`` and ``num_val``, the sizes of S_train and S_val, and
            ``seed``, that of their draw. Unset sizes: S_val a third of the training
            set and S_train the rest; all images of a data set of its own.
        ops: The operations of the search space.
        seed: The run's seed, equal on all ranks.
        paired: Whether the steps after DDASAugment draw alike for all views.

    Raises:
        SettingError: If data is missing, too small or in both sets, or a setting
            does not fit a search.
    """
    for key in proxy:
        if key not in PROXY_KEYS:
            raise SettingError(
                f'train_cfg.proxy has the unknown key {key!r}; '
                f'known are {", ".join(PROXY_KEYS)}'
            )
    source = val_source = build_dataset(train_config, 'train_dataloader.dataset')
    if val_config:
        val_source = build_dataset(_merge(val_config, train_config), VAL_DATASET)
    own = bool(set(val_config) - {'pipeline'})
    if own:
        train_indices = _draw(source, proxy, 'num_train')
        val_indices = _draw(val_source, proxy, 'num_val')
    else:
        train_indices, val_indices = _split(source, proxy)
    train = ViewDataset(source, train_indices, ops, seed, paired)
    val = ValidationDataset(val_source, val_indices, seed, 'pipeline' in val_config)
    if own:
        check_disjoint(train, val)
    return train, val


def build_dataset(config: Mapping[str, Any], name: str) -> Any:
    """Build a data set and read its annotations.

    Args:
        config: Settings of the data set.
        name: Where they stand, for messages.

    Raises:
        SettingError: If files are missing, or no image is left.
    """
    try:
        dataset = DATASETS.build(copy.deepcopy(config))
        if hasattr(dataset, 'full_init'):
            dataset.full_init()
    except FileNotFoundError as error:
        missing = error.filename or error
        raise SettingError(
            f'{name} finds no {str(missing)!r}; set its data_root, ann_file and '
            'data_prefix (or give --data-root DIR)'
        ) from error
    except ValueError as error:
        # what BaseDataset says when it serialises an empty list
        if 'need at least one array' not in str(error):
            raise
        dataset = []
    if len(dataset) == 0:
        raise SettingError(
            f'{name} holds no image that the model can learn from; check its ann_file, '
            'metainfo.classes and filter_cfg'
        )
    return dataset


def _merge(own: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return S_val's settings; another type of data set inherits nothing."""
    if set(own) == {'pipeline'} and 'datasets' in base:  # a ConcatDataset has none
        parts = [_merge(own, part) for part in base['datasets']]
        return {**base, 'datasets': parts}
    same_type = own.get('type', base.get('type')) == base.get('type')
    return {**(base if same_type else {}), **own}


def _size(proxy: Mapping[str, Any], key: str, default: int) -> int:
    value = proxy.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise SettingError(
            f'train_cfg.proxy.{key} must be a positive integer, but is {value!r}'
        )
    return value


def _split(dataset: Any, proxy: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    size = len(dataset)
    if size < 2:
        raise SettingError('train_dataloader.dataset has one image; a search needs two')
    room = size - min(_size(proxy, 'num_train', 0), size - 1)
    num_val = _size(proxy, 'num_val', min(max(size // 3, 1), room))
    num_train = _size(proxy, 'num_train', max(size - num_val, 1))
    labels = class_labels(dataset)
    return split_indices(size, num_train, num_val, proxy.get('seed', 0), labels)


def _draw(dataset: Any, proxy: Mapping[str, Any], key: str) -> list[int]:
    count = _size(proxy, key, len(dataset))
    if count > len(dataset):
        raise SettingError(
            f'train_cfg.proxy.{key} asks for {count} images, '
            f'but its data set has {len(dataset)}'
        )
    labels = class_labels(dataset)
    return split_indices(len(dataset), count, 0, proxy.get('seed', 0), labels)[0]
