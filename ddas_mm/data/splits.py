"""S_train and S_val of a data set: seeded, disjoint, stratified where it can be."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ddas_mm.errors import SettingError


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
            f'{size} of the training set'
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


def class_labels(dataset: Any) -> list[int] | None:
    """Return the class of every image, or None where images have no single one."""
    labels = []
    for index in range(len(dataset)):
        label = dataset.get_data_info(index).get('gt_label')
        if label is None or np.ndim(label) != 0:
            return None
        labels.append(int(label))
    return labels


def check_disjoint(train: Any, val: Any) -> None:
    """Check that no image is in both sets, by path or, without one, by content.

    Raises:
        SettingError: If an image is in both.
    """
    train_images = {_identity(train.get_data_info(i)) for i in range(len(train))}
    for index in range(len(val)):
        image = _identity(val.get_data_info(index))
        if image in train_images:
            raise SettingError(
                'S_val (train_cfg.policy_dataloader.dataset) overlaps S_train '
                f'(train_dataloader.dataset): {image} is in both'
            )


def _identity(info: dict[str, Any]) -> str:
    path = info.get('img_path')
    if path is not None:
        return os.path.realpath(path)
    content = np.ascontiguousarray(info['img'])
    return f'the image of SHA-1 {hashlib.sha1(content.data).hexdigest()}'
