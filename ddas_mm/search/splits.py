"""Which images are S_train and S_val, and the file that notes it."""

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta, Struct

from ddas_mm.errors import Count, SettingError, Size, check_keys, typed
from ddas_mm.files import read_json, write_atomically

PER_CLASS = ('num_classes', 'train_per_class', 'val_per_class')
VAL_DATASET = 'train_cfg.policy_dataloader.dataset'


class Proxy(Struct, kw_only=True):
    """What ``train_cfg.proxy`` holds, see :func:`build_search_datasets`."""

    num_train: Size | None = None
    num_val: Size | None = None
    num_classes: Size | None = None
    train_per_class: Size | None = None
    val_per_class: Size | None = None
    seed: Count = 0
    split_file: Any = None


def check_proxy(settings: Any) -> Proxy:
    """Return ``train_cfg.proxy``, checked, also in how its keys go together.

    Raises:
        SettingError: If a key is not known, a value is not usable, or two exclude each
            other.
    """
    check_keys('train_cfg.proxy', settings, Proxy.__struct_fields__)
    proxy = typed(settings, Proxy, 'train_cfg.proxy', '.')
    given = [key for key in PER_CLASS if getattr(proxy, key) is not None]
    if given and len(given) < len(PER_CLASS):
        raise SettingError(
            f'train_cfg.proxy needs {", ".join(PER_CLASS)} together, '
            f'but has {", ".join(given)} only'
        )
    if given and (proxy.num_train or proxy.num_val):
        raise SettingError(
            'train_cfg.proxy takes num_train and num_val, or sizes per class, not both'
        )
    return proxy


def choose(
    train: Any, val: Any, settings: Mapping[str, Any], own: bool
) -> tuple[list[int], list[int]]:
    """Return the indices of S_train and of S_val.

    Args:
        train: The built data set of the training.
        val: The built data set that S_val comes from.
        settings: ``train_cfg.proxy``.
        own: Whether S_val is a data set of its own, not a part of the training's.

    Raises:
        SettingError: If the data sets are too small, or the split file does not fit.
    """
    proxy = check_proxy(settings)
    if proxy.split_file is not None:  # before sizes that a config inherits
        return read_split(proxy.split_file, train, val, own)
    if own and proxy.num_classes is not None:
        raise SettingError(
            'train_cfg.proxy.num_classes draws S_train and S_val from one data '
            'set; take it out, or train_cfg.policy_dataloader.dataset'
        )
    images, labels = distinct_images(train)
    val_images, val_labels = distinct_images(val) if own else (images, labels)
    size, val_size, seed = len(images), len(val_images), proxy.seed
    if proxy.num_classes is not None:
        counts = {key: getattr(proxy, key) for key in PER_CLASS}
        first, second = draw_classes(labels, **counts, seed=seed)
    elif own:
        first, _ = split_indices(size, proxy.num_train or size, 0, seed, labels)
        num_val = proxy.num_val or val_size
        _, second = split_indices(val_size, 0, num_val, seed, val_labels)
    else:
        room = size - min(proxy.num_train or 0, size - 1)
        num_val = proxy.num_val or min(max(size // 3, 1), room)
        num_train = proxy.num_train or max(size - num_val, 1)
        first, second = split_indices(size, num_train, num_val, seed, labels)
    return [images[i] for i in first], [val_images[i] for i in second]


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
            'or train_cfg.proxy of a search config) ask for too many images: the data '
            f'set has {size} different ones'
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
    chosen = [
        rng.permutation(np.flatnonzero(np.asarray(labels) == label))[:size]
        for label in rng.choice(large, num_classes, replace=False)
    ]
    train, val = np.split(np.array(chosen), [train_per_class], axis=1)
    return sorted(train.ravel().tolist()), sorted(val.ravel().tolist())


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


_real_folder = cache(os.path.realpath)


class Part(Struct):
    """Which images of a data set are one part of a split."""

    size: int  # of the data set
    indices: Annotated[list[Count], Meta(min_length=1)]
    digest: str = ''


class Split(Struct, kw_only=True):
    """The file format."""

    format: Annotated[str, Meta(pattern='^ddas-split$')]
    version: Annotated[int, Meta(ge=1, le=1)]
    train: Part
    val: Part


def write_split(path: Path, train: Any, val: Any) -> None:
    """Write the indices of S_train and S_val.

    Args:
        path: The file.
        train: S_train, a part (``indices``) of a data set (``dataset``).
        val: S_val, the same.
    """
    parts = [
        Part(len(part.dataset), part.indices, _digest(part.dataset, part.indices))
        for part in (train, val)
    ]
    split = Split(format='ddas-split', version=1, train=parts[0], val=parts[1])
    write_atomically(path, msgspec.json.encode(split).decode() + '\n')


def read_split(
    path: Any, train: Any, val: Any, own: bool
) -> tuple[list[int], list[int]]:
    """Read the indices of S_train and S_val.

    Args:
        path: The file, ``train_cfg.proxy.split_file``.
        train: The built data set of the training.
        val: The built data set that S_val comes from.
        own: Whether S_val is a data set of its own, whose indices are its own too.

    Raises:
        SettingError: If the file is missing or damaged, or of other data.
    """
    where = f'train_cfg.proxy.split_file {str(path)!r}'
    source = f'{where} is no split.json of a search'
    split = typed(read_json(path, where), Split, source)
    first = _checked(split.train, f'{where}: train', train)
    second = _checked(split.val, f'{where}: val', val)
    both = set(first) & set(second)
    if both and not own:
        raise SettingError(f'{where}: image {min(both)} is in train and in val')
    return first, second


def _checked(part: Part, where: str, dataset: Any) -> list[int]:
    if part.size != len(dataset):
        raise SettingError(
            f'{where} is of a data set of {part.size} images, '
            f'but the one of this search has {len(dataset)}'
        )
    counts = Counter(part.indices)
    wrong = [i for i, count in counts.items() if count > 1 or i >= len(dataset)]
    if wrong:
        raise SettingError(
            f'{where}: indices must be integers from 0 to {len(dataset) - 1}, none '
            f'twice, but one is {wrong[0]}'
        )
    if part.digest != _digest(dataset, part.indices):
        raise SettingError(
            f'{where} is of other images, or of the same in another order'
        )
    return part.indices


def _digest(dataset: Any, indices: Sequence[int]) -> str:
    """Return a digest of the images' file names and classes, whatever the folder."""
    digest = hashlib.sha1()
    for index in indices:
        info = dataset.get_data_info(index)
        name = Path(info.get('img_path', '')).name
        digest.update(f'{name}/{info.get("gt_label")}\n'.encode())
    return digest.hexdigest()
