"""Cutout: squares of one colour over the image; boxes and masks stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .constants import Constants
from .kernels import Rng, side_scale
from .place import paint
from .sample import Sample


def cutout(
    sample: Sample, argument: float | None, rng: Rng, constants: Constants
) -> Sample:
    """Cover a square around a uniformly drawn pixel (Zoph et al.).

    ``argument`` is half the side in pixels; the square is cut at the image's border.
    Draws the centre's row, then its column.
    """
    assert argument is not None
    pad = int(argument)
    height, width = sample.image.shape[:2]
    row = int(rng.integers(0, height))
    column = int(rng.integers(0, width))
    return _covered(sample, row, column, pad, pad, constants)


def scaled_cutout(
    sample: Sample, argument: float | None, rng: Rng, constants: Constants
) -> Sample:
    """Cutout with DDAS's unit: ``argument`` is the side of the square in pixels.

    They are pixels of an image of ``reference_side``; the shorter side counts where
    the image is no square. Half the side, rounded down, is covered to each direction.
    """
    assert argument is not None
    side = argument * side_scale(min(sample.image.shape[:2]), constants)
    return cutout(sample, int(side) // 2, rng, constants)


def box_cutout(
    sample: Sample, argument: float | None, rng: Rng, constants: Constants
) -> Sample:
    """Cover a rectangle around a point of one uniformly drawn box.

    ``argument`` is the covered fraction of the box's height and width; the rectangle is
    cut at the image's border, not the box's. Draws the box, the row, the column.
    """
    assert argument is not None
    if len(sample.boxes) == 0:
        return sample
    height, width = sample.image.shape[:2]
    box = sample.boxes[int(rng.integers(0, len(sample.boxes)))]
    # Unlike crop_bounds, the far edge may be the image's own: one past the last pixel.
    left, top, right, bottom = np.clip(box, 0, (width, height) * 2).astype(int).tolist()
    pad_y = int(argument * (bottom - top + 1) / 2)
    pad_x = int(argument * (right - left + 1) / 2)
    row = int(rng.integers(top, bottom + 1))
    column = int(rng.integers(left, right + 1))
    return _covered(sample, row, column, pad_y, pad_x, constants)


def _covered(
    sample: Sample, row: int, column: int, pad_y: int, pad_x: int, constants: Constants
) -> Sample:
    image = sample.image.copy()
    # Slices cut off at the far end by themselves.
    top, left = max(0, row - pad_y), max(0, column - pad_x)
    paint(image[top : row + pad_y, left : column + pad_x], constants.cutout_colour)
    return replace(sample, image=image)
