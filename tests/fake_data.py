"""A few images in the form of every data set that the configs name."""

import json
import pickle
from pathlib import Path

import cv2
import numpy as np
from scipy.io import savemat

CIFAR_FILES = {
    'cifar10/cifar-10-batches-py': (
        [*(f'data_batch_{i}' for i in range(1, 6)), 'test_batch'],
        'labels',
    ),
    'cifar100/cifar-100-python': (['train', 'test'], 'fine_labels'),
}


def write_all(root: Path) -> None:
    """Write ``data/<name>`` for every name below a folder."""
    rng = np.random.default_rng(0)
    _cifar(root / 'data', rng)
    _svhn(root / 'data/svhn', rng)
    _imagenet(root / 'data/imagenet', rng)
    _coco(root / 'data/coco', rng, ['train2017', 'val2017'], 'instances_{}', 'cat')
    parts = ['train', 'deploy_val', 'deploy_test', 'upright_test']
    _coco(root / 'data/digits', rng, parts, '{}', '3')
    _coco(root / 'data/coco128', rng, ['train2017'], 'instances_{}', 'person', 128)


def _image(path: Path, rng: np.random.Generator, height: int, width: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), rng.integers(0, 256, (height, width, 3), np.uint8))


def _cifar(root: Path, rng: np.random.Generator) -> None:
    for folder, (names, labels) in CIFAR_FILES.items():
        (root / folder).mkdir(parents=True)
        for name in names:
            images = rng.integers(0, 256, (8, 3072), np.uint8)
            content = pickle.dumps({'data': images, labels: [0, 1] * 4})
            (root / folder / name).write_bytes(content)
    for part in ('train', 'test'):
        for name in 'abcd':
            for label in ('0', '1'):
                _image(root / 'cifar10' / part / label / f'{name}.png', rng, 32, 32)


def _svhn(root: Path, rng: np.random.Generator) -> None:
    root.mkdir()
    for part in ('train', 'extra', 'test'):
        images = rng.integers(0, 256, (32, 32, 3, 4), np.uint8)
        labels = np.array([[10], [1], [10], [1]], np.uint8)
        savemat(root / f'{part}_32x32.mat', {'X': images, 'y': labels})


def _imagenet(root: Path, rng: np.random.Generator) -> None:
    for part in ('train', 'val'):
        lines = [f'{i}.png {i % 2}' for i in range(8)]
        for line in lines:
            _image(root / part / line.split()[0], rng, 48, 40)
        (root / 'meta').mkdir(exist_ok=True)
        (root / 'meta' / f'{part}.txt').write_text('\n'.join(lines))


def _coco(
    root: Path,
    rng: np.random.Generator,
    parts: list[str],
    name: str,
    category: str,
    number: int = 8,
) -> None:
    (root / 'annotations').mkdir(parents=True)
    images = [
        dict(id=i, file_name=f'{i}.png', height=64, width=64)
        for i in range(1, number + 1)
    ]
    box = dict(category_id=1, bbox=[8, 8, 40, 36], area=1440, iscrowd=0)
    box['segmentation'] = [[8, 8, 48, 8, 48, 44, 8, 44]]
    boxes = [dict(id=i, image_id=i, **box) for i in range(1, number + 1)]
    content = dict(
        images=images, annotations=boxes, categories=[dict(id=1, name=category)]
    )
    for part in parts:
        path = root / 'annotations' / f'{name.format(part)}.json'
        path.write_text(json.dumps(content))
        for image in images:
            _image(root / part / image['file_name'], rng, 64, 64)
