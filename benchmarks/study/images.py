"""CIFAR-10 decoded once, and cameras that see the world differently.

Images lie in one array that all processes share, since reading and decoding small
files would take longer than everything else that a training does with them.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from mmengine.dataset import BaseDataset
from mmengine.registry import DATASETS
from numpy.typing import NDArray

Image = NDArray[np.uint8]
CLASSES = (
    *('airplane', 'automobile', 'bird', 'cat', 'deer'),
    *('dog', 'frog', 'horse', 'ship', 'truck'),
)


SIDES = ('img_shape', 'ori_shape')


def _turned(image: Image, degrees: float) -> Image:
    height, width = image.shape[:2]
    centre = (width - 1) / 2, (height - 1) / 2
    matrix = cv2.getRotationMatrix2D(centre, degrees, 1)
    return cv2.warpAffine(image, matrix, (width, height))


SHIFTS = {
    'none': lambda image: image,
    'quarter turn': np.rot90,
    'mirror': np.fliplr,
    'upside down': np.flipud,
    'dark': lambda image: (image * 0.35).astype(np.uint8),
    'low contrast': lambda image: (image * 0.3 + 89).astype(np.uint8),
    'inverted': lambda image: 255 - image,
    'blurred': lambda image: cv2.GaussianBlur(image, (0, 0), image.shape[0] / 25),
    'tilted': lambda image: _turned(image, 15),  # degrees
}
"""Name -> what the camera does to each image; none of it is the package's code."""


def shifted(image: Image, shift: str) -> Image:
    """Return the image as another camera sees it."""
    return np.ascontiguousarray(SHIFTS[shift](image))


def _files(source: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yield split, class and content of each file of class folders or an archive."""
    if source.is_dir():
        for path in sorted(source.glob('t*/*/*')):
            yield path.parts[-3], path.parts[-2], path.read_bytes()
        return
    with tarfile.open(source) as archive:
        for member in archive:
            if member.isfile() and member.name.count('/') >= 2:
                split, label = member.name.split('/')[-3:-1]
                yield split, label, archive.extractfile(member).read()


def pack(source: str | os.PathLike[str], folder: Path) -> Path:
    """Decode CIFAR-10, class folders or an archive of them, into arrays; once.

    Returns:
        ``folder``, with ``<split>.npy``, (N, 32, 32, 3) uint8 BGR, and
        ``<split>_labels.npy``. Every stretch of a split holds the classes in equal
        parts, in an order that does not depend on that of the files.
    """
    if (folder / 'done').is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[tuple[int, Image]]] = {'train': [], 'test': []}
    for split, label, content in _files(Path(source)):
        if split in found and label in CLASSES:
            image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
            found[split].append((CLASSES.index(label), image))
    for split, items in found.items():
        by_class: list[list[Image]] = [[] for _ in CLASSES]
        for label, image in items:
            by_class[label].append(image)
        images, labels = [], []
        for label, members in enumerate(by_class):
            members.sort(key=lambda image: image.tobytes())
            order = np.random.default_rng(label).permutation(len(members))
            images.append(np.stack([members[i] for i in order]))
            labels.append(np.full(len(members), label))
        shortest = min(map(len, images))
        images, labels = (
            np.stack([part[:shortest] for part in parts], axis=1).reshape(
                -1, *parts[0].shape[1:]
            )
            for parts in (images, labels)
        )
        np.save(folder / f'{split}.npy', images)
        np.save(folder / f'{split}_labels.npy', labels)
    (folder / 'done').touch()
    return folder


def read(
    folder: str | os.PathLike[str], split: str, start: int, count: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return images ``start`` to ``start + count`` of a packed split, and classes."""
    place = slice(start, start + count)
    arrays = (np.load(Path(folder, f'{split}{k}.npy'), 'r') for k in ('', '_labels'))
    images, labels = (np.array(array[place]) for array in arrays)
    if len(images) < count:
        raise ValueError(f'{folder}: {split} has no {count} images from {start} on')
    return images, labels


@DATASETS.register_module()
class PackedImages(BaseDataset):
    """Stretches of the packed images, each as one camera sees it.

    Args:
        data_root: The folder that :func:`pack` has written.
        parts: Dicts of ``start``, ``count`` and, where wanted, ``split`` and
            ``shift``.
    """

    METAINFO = {'classes': CLASSES}

    def __init__(self, data_root: str, parts: list[dict[str, Any]], **kw: Any) -> None:
        self.parts = parts
        super().__init__(data_root=data_root, **kw)

    def _join_prefix(self) -> None:
        pass

    def load_data_list(self) -> list[dict[str, Any]]:
        """Return the images with all that a pipeline wants to know of them."""
        found = []
        for part in self.parts:
            images, labels = read(
                self.data_root, part.get('split', 'train'), part['start'], part['count']
            )
            for image, label in zip(images, labels.tolist(), strict=True):
                image = shifted(image, part.get('shift', 'none'))
                info = {'img': image, 'gt_label': label}
                found.append({**info, **dict.fromkeys(SIDES, image.shape[:2])})
        return found
