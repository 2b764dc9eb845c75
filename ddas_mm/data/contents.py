"""What a search is made on: images, instances and classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from ddas_mm.errors import SettingError

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
    counts: Counter[Any] = Counter()
    known = False
    for index in range(len(dataset)):
        labels = _labels(dataset.get_data_info(index))
        known = known or labels is not None
        counts.update(labels or ())
    if not known:
        return f'{name} has {len(dataset)} images'
    if not counts:
        raise SettingError(
            f'{name} has {len(dataset)} images without any instance, so that nothing '
            'can be learnt: the data set found no box of its classes with an area; '
            'check metainfo.classes and the boxes in the ann_file'
        )
    classes = dataset.metainfo.get('classes') or ()
    missing = [one for label, one in enumerate(classes) if label not in counts]
    return (
        f'{name} has {len(dataset)} images with {counts.total()} instances of '
        f'{len(counts)} classes' + _told(missing)
    )


def _labels(info: Mapping[str, Any]) -> list[Any] | None:
    if 'instances' in info:
        counted = (one for one in info['instances'] if not one.get('ignore_flag'))
        return [one.get('bbox_label') for one in counted]
    label = info.get('gt_label')
    return None if label is None else np.atleast_1d(label).tolist()


def _told(missing: list[str]) -> str:
    if not missing:
        return ''
    more = len(missing) - MOST_NAMES
    others = f' and {more} more' if more > 0 else ''
    return f'; without any instance: {", ".join(missing[:MOST_NAMES])}{others}'
