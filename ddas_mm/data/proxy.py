"""``train_cfg.proxy``: which images are S_train and S_val."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ddas_mm.data.split_file import read_split
from ddas_mm.data.splits import distinct_images, draw_classes, split_indices
from ddas_mm.errors import SettingError, check_integer, check_keys

SIZES = ('num_train', 'num_val')
PER_CLASS = ('num_classes', 'train_per_class', 'val_per_class')
KEYS = (*SIZES, *PER_CLASS, 'seed', 'split_file')


def check_proxy(proxy: Mapping[str, Any]) -> None:
    """Check the keys of ``train_cfg.proxy`` and how they go together.

    Raises:
        SettingError: If a key is not known, or two exclude each other.
    """
    check_keys('train_cfg.proxy', proxy, KEYS)
    check_integer('train_cfg.proxy.seed', proxy.get('seed', 0), 0)
    given = [key for key in PER_CLASS if proxy.get(key) is not None]
    if given and len(given) < len(PER_CLASS):
        raise SettingError(
            f'train_cfg.proxy needs {", ".join(PER_CLASS)} together, '
            f'but has {", ".join(given)} only'
        )
    if given and any(proxy.get(key) is not None for key in SIZES):
        raise SettingError(
            'train_cfg.proxy takes num_train and num_val, or sizes per class, not both'
        )


def choose(
    train: Any, val: Any, proxy: Mapping[str, Any], own: bool
) -> tuple[list[int], list[int]]:
    """Return the indices of S_train and of S_val.

    Args:
        train: The built data set of the training.
        val: The built data set that S_val comes from.
        proxy: ``train_cfg.proxy``, checked.
        own: Whether S_val is a data set of its own, not a part of the training's.

    Raises:
        SettingError: If the data sets are too small, or the split file does not fit.
    """
    if proxy.get('split_file') is not None:  # before sizes that a config inherits
        return read_split(proxy['split_file'], train, val, own)
    if proxy.get('num_classes') is not None:
        if own:
            raise SettingError(
                'train_cfg.proxy.num_classes draws S_train and S_val from one data '
                'set; take it out, or train_cfg.policy_dataloader.dataset'
            )
        counts = [_size(proxy, key, 0) for key in PER_CLASS]
        images, labels = distinct_images(train)
        return _of(images, draw_classes(labels, *counts, seed=proxy.get('seed', 0)))
    if own:
        return _draw(train, proxy, 'num_train'), _draw(val, proxy, 'num_val')
    return _split(train, proxy)


def _size(proxy: Mapping[str, Any], key: str, default: int) -> int:
    value = proxy.get(key)
    return (
        default if value is None else check_integer(f'train_cfg.proxy.{key}', value, 1)
    )


def _of(
    images: Sequence[int], parts: tuple[list[int], list[int]]
) -> tuple[list[int], list[int]]:
    first, second = parts
    return [images[i] for i in first], [images[i] for i in second]


def _split(dataset: Any, proxy: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    images, labels = distinct_images(dataset)
    size = len(images)
    if size < 2:
        raise SettingError('train_dataloader.dataset has one image; a search needs two')
    room = size - min(_size(proxy, 'num_train', 0), size - 1)
    num_val = _size(proxy, 'num_val', min(max(size // 3, 1), room))
    num_train = _size(proxy, 'num_train', max(size - num_val, 1))
    seed = proxy.get('seed', 0)
    return _of(images, split_indices(size, num_train, num_val, seed, labels))


def _draw(dataset: Any, proxy: Mapping[str, Any], key: str) -> list[int]:
    images, labels = distinct_images(dataset)
    count = _size(proxy, key, len(images))
    if count > len(images):
        raise SettingError(
            f'train_cfg.proxy.{key} asks for {count} images, '
            f'but its data set has {len(images)} different ones'
        )
    seed = proxy.get('seed', 0)
    return _of(images, split_indices(len(images), count, 0, seed, labels))[0]
