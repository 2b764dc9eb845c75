"""S_train and S_val of a data set: seeded, disjoint, stratified where it can be."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from ddas_mm.errors import SettingError

VAL_DATASET = 'train_cfg.policy_dataloader.dataset'


def split_indices(
    size: int,
    num_train: int,
    num_val: int,
    seed: int,
    labels: Sequence[int] | None = None,
) -> tuple[list[int], list[int]]:
    """Draw two disjoint index sets.

    Args:
        size: Number of images.
        num_train: Size of S_train.
        num_val: Size of S_val.
        seed: Seed of the draw.
        labels: (size,) class of each image; given, both sets hold the classes in
            the proportions of the whole, up to rounding.

    Raises:
        SettingError: If the data set is too small.
    """
    if num_train + num_val > size:
        raise SettingError(
            f'num_train={num_train} and num_val={num_val} (--num-train and --num-val, '
            'or train_cfg.proxy of a search config) ask for more images than the '
            f'{size} different ones of the training set'
        )
    rng = np.random.default_rng(seed)
    order = rng.permutation(size)
    if labels is not None:
        order = order[np.argsort(_quantiles(np.asarray(labels)[order], rng))]
    chosen = order[: num_train + num_val]
    return sorted(chosen[:num_train].tolist()), sorted(chosen[num_train:].tolist())


def draw_classes(
    labels: Sequence[int] | None,
    num_classes: int,
    train_per_class: int,
    val_per_class: int,
    seed: int,
) -> tuple[list[int], list[int]]:
    """Draw classes, and as many images of each for two disjoint index sets.

    Args:
        labels: Class of each image.
        num_classes: How many of the classes to draw.
        train_per_class: Images of each for S_train.
        val_per_class: Images of each for S_val.
        seed: Seed of the draw.

    Raises:
        SettingError: If images have no single class, or there are too few.
    """
    if labels is None:
        raise SettingError(
            'train_cfg.proxy.num_classes draws classes, but the images of '
            'train_dataloader.dataset have no single one; set num_train and num_val'
        )
    rng = np.random.default_rng(seed)
    classes, counts = np.unique(labels, return_counts=True)
    size = train_per_class + val_per_class
    large = classes[counts >= size]
    if len(large) < num_classes:
        raise SettingError(
            f'train_cfg.proxy asks for {num_classes} classes of {train_per_class} + '
            f'{val_per_class} images, but the training set has {len(large)} classes '
            'of so many'
        )
    train: list[int] = []
    val: list[int] = []
    for label in rng.choice(large, num_classes, replace=False):
        chosen = rng.permutation(np.flatnonzero(np.asarray(labels) == label))[:size]
        train += chosen[:train_per_class].tolist()
        val += chosen[train_per_class:].tolist()
    return sorted(train), sorted(val)


def _quantiles(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return where each image stands within its own class, in [0, 1).

    Sorted by it, every stretch of the images holds the classes in proportion.
    """
    quantiles = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        places = np.arange(len(members)) + rng.random()
        quantiles[members] = places / len(members)
    return quantiles


def distinct_images(dataset: Any) -> tuple[list[int], list[int] | None]:
    """Return the first index of each image, however often it is listed, and its class.

    Two listings are of one image if they name the same file or, without files, hold the
    same pixels. Drawn from these, no image can be in S_train and in S_val.

    Returns:
        Indices, ascending, and their classes; None where images have no single one.
    """
    first: dict[str, int] = {}
    labels = []
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        if first.setdefault(_identity(info, index), index) == index:
            labels.append(info.get('gt_label'))
    single = all(label is not None and np.ndim(label) == 0 for label in labels)
    return list(first.values()), list(map(int, labels)) if single else None


def check_disjoint(train: Any, val: Any, name: str = VAL_DATASET) -> None:
    """Check that no image is in both sets, by path or, without one, by content.

    Args:
        train: S_train.
        val: S_val.
        name: The setting that chose them, for the message.

    Raises:
        SettingError: With the number of images that are in both, and the first.
    """
    train_images = {_identity(train.get_data_info(i), -1) for i in range(len(train))}
    images = (_identity(val.get_data_info(i), i) for i in range(len(val)))
    both = [image for image in images if image in train_images]
    if both:
        raise SettingError(
            f'S_val ({name}) overlaps S_train (train_dataloader.dataset): {len(both)} '
            f'of its images are in both, the first is {both[0]}; take them out of one'
        )


def _identity(info: Mapping[str, Any], index: int) -> str:
    path, image = info.get('img_path'), info.get('img')
    if path is not None:
        folder, name = os.path.split(os.path.abspath(path))
        path = os.path.join(_real_folder(folder), name)
        return os.path.realpath(path) if os.path.islink(path) else path
    if image is not None:
        content = np.ascontiguousarray(image)
        return f'the image of SHA-1 {hashlib.sha1(content.data).hexdigest()}'
    return f'image {index}'


@cache
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)
