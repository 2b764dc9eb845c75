"""Whether the images and boxes of a data set can be read, before they are needed."""

from __future__ import annotations

import os
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import LoadImageFromFile
from PIL import Image

from ddas_mm.errors import SettingError

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
        SettingError: With the first image or box that cannot be used.
    """
    loader = _loader(dataset)
    for index in range(len(dataset)):
        info = dataset.get_data_info(index)
        path = info.get('img_path')
        known = path is not None and loader is not None
        reason = _fault(str(path), loader) if known else None
        reason = reason or _wrong_box(info)
        if reason is not None:
            image = f'image {index}' if path is None else f'image {str(path)!r}'
            raise SettingError(
                f'{image} of {name} {reason}; put it right, or take it out of the '
                'annotations'
            )


def _wrong_box(info: dict[str, Any]) -> str | None:
    boxes = [one['bbox'] for one in info.get('instances') or () if 'bbox' in one]
    for box in boxes:
        if not np.isfinite(box).all():
            return f'has the box {box}, which is not finite'
    return None


def _fault(path: str, loader: LoadImageFromFile) -> str | None:
    if '://' in path:
        return None
    try:
        if os.path.getsize(path) == 0:
            return 'is an empty file'
    except OSError as error:
        return f'cannot be read: {error.strerror}'
    if loader.imdecode_backend == 'cv2' and not cv2.haveImageReader(path):
        return 'is damaged or no image'
    return 'is cut off' if _is_cut(path) else None


def _is_cut(path: str) -> bool:
    with open(path, 'rb') as file:
        start = file.read(4)
        file.seek(max(os.path.getsize(path) - TAIL, 0))
        tail = file.read()
    if not any(start.startswith(k) and end not in tail for k, end in ENDS.items()):
        return False
    try:
        with Image.open(path) as image:
            image.load()
    except OSError:
        return True
    return False


def _loader(dataset: Any) -> LoadImageFromFile | None:
    """Return the step that loads images, where it loads local files and must."""
    while not hasattr(dataset, 'pipeline') and hasattr(dataset, 'dataset'):
        dataset = dataset.dataset
    while hasattr(dataset, 'datasets'):
        dataset = dataset.datasets[0]
    for step in getattr(getattr(dataset, 'pipeline', None), 'transforms', ()):
        if type(step) is LoadImageFromFile:
            remote = step.backend_args or step.file_client_args
            return None if remote or step.ignore_empty else step
    return None
