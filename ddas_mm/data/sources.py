"""S_train and S_val from the settings of a training's data set."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from mmengine.registry import DATASETS

from ddas_mm.data.images import check_images
from ddas_mm.data.proxy import check_proxy, choose
from ddas_mm.data.scale import check_scale
from ddas_mm.data.space import CandidateOps
from ddas_mm.data.splits import VAL_DATASET, check_disjoint
from ddas_mm.data.views import Chosen, ValidationDataset, ViewDataset
from ddas_mm.errors import SettingError, check_all


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
            set and S_train the rest; all images of a data set of its own. Or
            ``num_classes``, ``train_per_class`` and ``val_per_class``: as many images
            of each of as many classes, drawn by seed. Before all these
            goes ``split_file``, the ``split.json`` of another search.
        ops: The operations of the search space.
        seed: The run's seed, equal on all ranks.
        paired: Whether the steps after DDASAugment draw alike for all views.

    Raises:
        SettingError: If data is missing, too small or in both sets, or a setting
            does not fit a search.
    """
    check_proxy(proxy)
    source = val_source = build_dataset(train_config, 'train_dataloader.dataset')
    if val_config:
        val_source = build_dataset(_merge(val_config, train_config), VAL_DATASET)
    own = bool(set(val_config) - {'pipeline'})
    chosen = choose(source, val_source, proxy, own)
    parts = [Chosen(source, chosen[0]), Chosen(val_source, chosen[1])]
    if own:
        check_disjoint(*parts)
    elif proxy.get('split_file') is not None:
        check_disjoint(*parts, 'train_cfg.proxy.split_file')
    check_all(
        lambda: check_images(parts[0], 'S_train'),
        lambda: check_images(parts[1], 'S_val'),
    )
    train = ViewDataset(source, chosen[0], ops, seed, paired)
    val = ValidationDataset(val_source, chosen[1], seed, 'pipeline' in val_config)
    check_scale(train, val, own)
    return train, val


def build_dataset(config: Mapping[str, Any], name: str) -> Any:
    """Build a data set and read its annotations.

    Args:
        config: Settings of the data set.
        name: Where they stand, for messages.

    Raises:
        SettingError: If files are missing, or no image is left.
    """
    if not isinstance(config, Mapping):
        raise SettingError(f'{name} must be a dict, but is {config!r}')
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
    except (SettingError, ImportError):
        raise
    except Exception as error:  # whatever reading damaged or other files comes to
        # what BaseDataset says when it serialises an empty list
        if 'need at least one array' not in str(error):
            reason = f'{type(error).__name__}: {" ".join(str(error).split())}'
            files = ', '.join(_annotation_files(config))
            raise SettingError(
                f'{name} cannot be read{f" ({files})" if files else ""}: {reason}'
            ) from error
        dataset = []
    if len(dataset) == 0:
        raise SettingError(
            f'{name} holds no image that the model can learn from; check its ann_file, '
            'metainfo.classes and filter_cfg'
        )
    return dataset


def _annotation_files(config: Any) -> list[str]:
    files = [str(config['ann_file'])] if config.get('ann_file') else []
    inner = [config.get('dataset'), *(config.get('datasets') or [])]
    return files + [file for part in inner if part for file in _annotation_files(part)]


def _merge(own: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return S_val's settings; another type of data set inherits nothing."""
    if set(own) == {'pipeline'} and 'datasets' in base:  # a ConcatDataset has none
        parts = [_merge(own, part) for part in base['datasets']]
        return {**base, 'datasets': parts}
    same_type = own.get('type', base.get('type')) == base.get('type')
    return {**(base if same_type else {}), **own}
