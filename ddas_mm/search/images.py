"""Whether the images and boxes of a data set can be read, before they are needed."""

import os
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import LoadImageFromFile
from PIL import Image

from ddas_mm.errors import SettingError, some

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
