"""What a training's data asks of its search: the space, and sizes."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from mmengine.config import Config
from PIL import Image

from ddas_mm.config import init_scope, type_name
from ddas_mm.derive.augment import Step, leaf_of
from ddas_mm.derive.schedule import PAPER, SearchPlan, fitted_sizes
from ddas_mm.derive.search import search_dataset
from ddas_mm.ops import SPACES
from ddas_mm.search.data import build_dataset
from ddas_mm.search.splits import distinct_images

AUTO = 'auto'
MEASURED = 200  # images whose size is looked at
COCO_SIDE = math.sqrt(640 * 480)  # of a square as large as its images
SMALL = 64  # pixels of the side of images to which CIFAR's space is nearer


def fitted_plan(
    marked: Config, space: str, num_train: int | None = None, num_val: int | None = None
) -> SearchPlan:
    """Return the plan of a search as its data asks for it.

    Args:
        marked: The training, DDASAugment in its pipelines.
        space: Name of the space, or ``'auto'``.
        num_train: Size of S_train, where it is given.
        num_val: Size of S_val, where it is given.

    Raises:
        SettingError: If the data set cannot be built.
    """
    known = space != AUTO and SPACES[space]['table'] == 'classification'
    if known and num_train is not None and num_val is not None:
        return replace(PAPER[space], num_train=num_train, num_val=num_val)
    settings = search_dataset(marked, [])
    init_scope(marked)
    dataset = build_dataset(settings, 'train_dataloader.dataset')
    side, why = median_side(dataset), ''
    if space == AUTO:
        space, why = space_for(leaf_of(settings)['pipeline'], side)
    paper = PAPER[space]
    if num_train is None or num_val is None:
        size = len(distinct_images(dataset)[0])
        num_train, num_val = fitted_sizes(paper, size, num_train, num_val)
    scale = 1 if side is None else side / COCO_SIDE
    return replace(paper, num_train=num_train, num_val=num_val, scale=scale, why=why)


def space_for(pipeline: Sequence[Step], side: float | None) -> tuple[str, str]:
    """Return the space for a task and its images, and in words why.

    Args:
        pipeline: A training pipeline.
        side: Of a square as large as the images, in pixels, where it is known.
    """
    names = [type_name(step) for step in pipeline]
    if 'PackSegInputs' in names:
        space, task = 'segmentation', 'segmentation maps'
    elif 'PackDetInputs' in names or any(step.get('with_bbox') for step in pipeline):
        space, task = 'detection', 'boxes'
    else:
        small = side is not None and side <= SMALL
        space, task = ('cifar' if small else 'imagenet'), 'classes'
    of = '' if side is None else f' on images of about {side:.0f} x {side:.0f} pixels'
    return space, f'--space {space}, as the pipeline loads {task}{of}'


def median_side(dataset: Any) -> float | None:
    """Return the side of a square as large as the median image, if it can be told."""
    places = np.linspace(0, len(dataset) - 1, min(len(dataset), MEASURED)).astype(int)
    areas = [_area(dataset.get_data_info(int(i))) for i in places]
    known = [area for area in areas if area]
    return float(np.median(known)) ** 0.5 if known else None


def _area(info: dict[str, Any]) -> int | None:
    if info.get('height') and info.get('width'):
        return int(info['height'] * info['width'])
    if isinstance(info.get('img'), np.ndarray):
        return math.prod(info['img'].shape[:2])
    try:
        with Image.open(info['img_path']) as image:  # its header alone
            return math.prod(image.size)
    except (KeyError, OSError, ValueError, Image.DecompressionBombError):
        return None  # kept elsewhere, no picture (which is told later), or too large
