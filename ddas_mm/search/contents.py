"""What S_train and S_val hold: files that can be read, instances, the same scale."""

import itertools
import math
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from mmcv.transforms import LoadImageFromFile
from PIL import Image

from ddas_mm.errors import SettingError, some
from ddas_mm.search.original import telling_images
from ddas_mm.search.views import ValidationDataset, ViewDataset

MOST_NAMES = 30


def describe(dataset: Any, name: str) -> str:
    """Return how many images, instances and classes a data set has, in words.

    Instances that the loss ignores (crowds) do not count. Data without boxes and
    labels, as for segmentation, has images alone.

    Args:
        dataset: A built mm data set, or a part of one.
        name: What it is, for the words.

    Raises:
        SettingError: If there are images, but no instance.
    """
    labels = [labels_of(dataset.get_data_info(i)) for i in range(len(dataset))]
    told = f'{name} has {len(dataset)} images'
    if all(each is None for each in labels):
        return told
    counts = Counter(label for each in labels for label in each or ())
    if not counts:
        raise SettingError(
            f'{told} without any instance, so that nothing can be learnt: the data set '
            'found no box of its classes with an area; check metainfo.classes and the '
            'boxes in the ann_file'
        )
    classes = dataset.metainfo.get('classes') or ()
    missing = [one for label, one in enumerate(classes) if label not in counts]
    told += f' with {counts.total()} instances of {len(counts)} classes'
    if missing:
        told += f'; without any instance: {some(missing, MOST_NAMES)}'
    return told


def labels_of(info: Mapping[str, Any]) -> list[Any] | None:
    """Return the labels that count of an image's annotation, None without any."""
    if 'instances' in info:
        counted = (one for one in info['instances'] if not one.get('ignore_flag'))
        return [one.get('bbox_label') for one in counted]
    label = info.get('gt_label')
    return None if label is None else np.atleast_1d(label).tolist()


IMAGES, DRAWS = 8, 2  # of the random steps of S_train, for each image
LIMIT = 1.5  # beyond the scales that S_train has


class Scale(NamedTuple):
    """How large images of a data set are where the network gets them.

    Attributes:
        sizes: Width and height of each in pixels.
        object_sides: Median side of the objects of each that has boxes, in pixels.
        enlarged: Of each with boxes, the side of the largest by that in the file, which
            crops can but lower; without, but with a segmentation map, the factor by
            which it was resized.
    """

    sizes: list[tuple[int, int]]
    object_sides: list[float]
    enlarged: list[float]

    @property
    def sides(self) -> list[float]:
        """Sides of squares as large as the images."""
        return [math.sqrt(width * height) for width, height in self.sizes]


def check_scale(train: ViewDataset, val: ValidationDataset, own: bool) -> None:
    """Check on a few images that S_val is as large as S_train, and its objects are.

    Random scales count as a range. Crops change the size of images, not of objects,
    and are let pass where there are boxes or segmentation maps to see that.

    Args:
        train: S_train.
        val: S_val.
        own: Whether S_val is a data set of its own; its files may have another size.

    Raises:
        SettingError: With both sizes.
    """
    drawn = itertools.product(telling_images(train, IMAGES), range(DRAWS))
    first = _scale((train.plain(i, draw), train.get_data_info(i)) for i, draw in drawn)
    given = telling_images(val, IMAGES)
    second = _scale((val.plain(i), val.get_data_info(i)) for i in given)
    known = first.sizes and second.sizes
    if known and _is_other_scale(first, second, own, val.as_given):
        left_out = ', '.join(val.left_out)
        random = f', without the random {left_out},' if left_out else ''
        raise SettingError(
            f'S_val{random} would reach the network at another scale than S_train: '
            f'{_in_words(second)}, but S_train {_in_words(first)}; set '
            'train_cfg.policy_dataloader.dataset.pipeline to steps that load the '
            'images of S_val, bring them to the size of S_train, and pack them'
        )


def _scale(received: Iterable[tuple[Any, Mapping[str, Any]]]) -> Scale:
    """Return the scale of packed samples, beside the annotations in their files."""
    scale = Scale([], [], [])
    for packed, info in received:
        packed = packed if isinstance(packed, Mapping) else {}
        images, sample = packed.get('inputs'), packed.get('data_samples', None)
        for image in images if isinstance(images, (list, tuple)) else [images]:
            if isinstance(image, torch.Tensor) and image.ndim >= 3:
                scale.sizes.append((image.shape[-1], image.shape[-2]))
        boxes = getattr(getattr(sample, 'gt_instances', None), 'bboxes', ())
        sides = _sides(getattr(boxes, 'tensor', boxes))
        instances = info.get('instances') or ()
        counted = (one for one in instances if not one.get('ignore_flag'))
        before = _sides([one['bbox'] for one in counted if 'bbox' in one])
        if len(sides):
            scale.object_sides.append(float(np.median(sides)))
        if len(sides) and len(before):
            scale.enlarged.append(float(max(sides) / max(before)))
        elif hasattr(sample, 'gt_sem_seg'):
            factor = sample.metainfo.get('scale_factor', 1)
            scale.enlarged.append(float(np.mean(factor)))
    return scale


def _sides(boxes: Any) -> np.ndarray:
    """Return the sides of squares of the sizes of boxes; none if these are no xyxy."""
    boxes = np.asarray(boxes, np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        return np.empty(0)
    x1, y1, x2, y2 = boxes.T
    return np.sqrt((x2 - x1) * (y2 - y1))


def _is_other_scale(first: Scale, second: Scale, own: bool, as_given: bool) -> bool:
    objects = [each.object_sides if own else each.enlarged for each in (first, second)]
    sizes_apart = _apart(first.sides, second.sides)
    if all(objects):
        return _apart(*objects) and (sizes_apart or not own)
    # a network that is fed one size may know no other
    only = not as_given and len(set(first.sizes)) == 1
    return sizes_apart or (only and set(first.sizes) != set(second.sizes))


def _apart(train: Sequence[float], val: Sequence[float]) -> bool:
    # crops cut objects short: the largest are those that are whole
    least, most = np.percentile(train, 10), max(train)
    return not least / LIMIT <= np.median(val) <= most * LIMIT


def _in_words(scale: Scale) -> str:
    sizes = sorted(scale.sizes, key=math.prod)
    (w, h), (wide, high) = sizes[0], sizes[-1]
    to = '' if (w, h) == (wide, high) else f' to {wide} x {high}'
    sides = scale.object_sides
    of = f' with objects of {np.median(sides):.0f} pixels' if sides else ''
    return f'{w} x {h}{to} pixels{of}'


# How files of a format begin and end.
ENDS = {b'\xff\xd8': b'\xff\xd9', b'\x89PNG': b'IEND\xaeB`\x82'}
TAIL = 64  # bytes; some cameras write a little behind the end


def check_images(dataset: Any, name: str) -> None:
    """Check that a data set's images are there and whole, and its boxes are numbers.

    Looks at both ends of local files that mm's own step loads, about 0.1 ms each; only
    a JPEG or PNG that does not end as it should is decoded.

    Args:
        dataset: A built mm data set, or a part of one.
        name: What it is, for messages.

    Raises:
        SettingError: With the folders that lack images, or the first images and boxes
            that cannot be used.
    """
    steps = _steps(dataset)
    loader = _loader(steps)
    with_mask = any(getattr(step, 'with_mask', False) for step in steps)
    paths, faults = [], []
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        path = info.get('img_path')
        reason = _wrong_instance(info, with_mask)
        if path is not None and loader is not None and '://' not in str(path):
            paths.append(str(path))
            reason = _fault(str(path), loader) or reason
        if reason is not None:
            image = index if path is None else repr(str(path))
            faults.append(f'image {image} of {name} {reason}')
    if faults:
        _check_folders(paths, name)
        raise SettingError(
            f'{some(faults)}; put it right, or take it out of the annotations'
        )


def _check_folders(paths: Sequence[str], name: str) -> None:
    """Check that no folder lacks most of its images: then it is the wrong folder."""
    lost = [path for path in paths if not os.path.exists(path)]
    sizes, lacking = (Counter(map(os.path.dirname, part)) for part in (paths, lost))
    wrong = []
    for folder, count in lacking.items():
        if not os.path.isdir(folder):
            wrong.append(f'folder {folder!r} does not exist')
        elif count > max(sizes[folder] / 2, 1):
            there = sizes[folder] - count
            wrong.append(f'folder {folder!r} holds {there} of {sizes[folder]}')
    if wrong:
        raise SettingError(
            f'{len(lost)} of {len(paths)} images of {name} are missing: {some(wrong)}; '
            'set data_root and data_prefix of its data set (or give --data-root DIR), '
            'to which the file names in ann_file are joined'
        )


def _wrong_instance(info: dict[str, Any], with_mask: bool) -> str | None:
    for one in info.get('instances') or ():
        if not np.isfinite(one.get('bbox', 0)).all():
            return f'has the box {one["bbox"]}, which is not finite'
        if with_mask and 'mask' not in one:
            return 'has an instance without segmentation (with_mask=True asks for one)'
    return None


def _fault(path: str, loader: LoadImageFromFile) -> str | None:
    try:
        with open(path, 'rb') as file:
            start = file.read(4)
            file.seek(max(os.path.getsize(path) - TAIL, 0))
            tail = file.read()
    except OSError as error:
        return f'cannot be read: {error.strerror}'
    if not start:
        return 'is an empty file'
    if loader.imdecode_backend == 'cv2' and not cv2.haveImageReader(path):
        return 'is damaged or no image'
    odd = any(start.startswith(k) and end not in tail for k, end in ENDS.items())
    return 'is cut off' if odd and _is_cut(path) else None


def _is_cut(path: str) -> bool:
    large = Image.DecompressionBombWarning
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            warnings.simplefilter('error', large)
            with Image.open(path) as image:
                image.load()
    except Exception as error:  # whatever the parser of a format makes of half a file
        # large images are legal, and take too long to decode for a check
        return not isinstance(error, (large, Image.DecompressionBombError))
    return False


def _steps(dataset: Any) -> Sequence[Any]:
    """Return the steps of a data set's pipeline, of the first where it has several."""
    while not hasattr(dataset, 'pipeline') and hasattr(dataset, 'dataset'):
        dataset = dataset.dataset
    while hasattr(dataset, 'datasets'):
        dataset = dataset.datasets[0]
    return getattr(getattr(dataset, 'pipeline', None), 'transforms', ())


def _loader(steps: Sequence[Any]) -> LoadImageFromFile | None:
    """Return the step that loads images, where it loads local files and must."""
    for step in steps:
        if type(step) is LoadImageFromFile:
            remote = step.backend_args or step.file_client_args
            return None if remote or step.ignore_empty else step
    return None
