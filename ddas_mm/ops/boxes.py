"""Boxes: (N, 4) float32 ``x1, y1, x2, y2`` in pixels."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .affine import Affine
from .arrays import Array, Boxes


def clip_boxes(boxes: Array, height: int, width: int) -> Array:
    """Clip (N, 4) boxes to the image; a box outside becomes a line on its border."""
    limits = np.array([width, height, width, height], dtype=boxes.dtype)
    clipped: Array = np.minimum(np.maximum(boxes, 0), limits)
    return clipped


def warp_boxes(boxes: Boxes, affine: Affine, height: int, width: int) -> Boxes:
    """Return the clipped hulls of the moved corners; no box is dropped.

    The references truncate corners to whole pixels and give boxes that left the image
    5 % of its side; neither is repeated here.

    Args:
        boxes: (N, 4) float32, N may be 0.
        affine: Output-to-input map of an image of ``height`` x ``width`` pixels.
        height: Image height.
        width: Image width.

    Returns:
        (N, 4) float32 with ``0 <= x1 <= x2 <= width`` and ``0 <= y1 <= y2 <= height``.
    """
    if len(boxes) == 0:
        return boxes
    matrix, offset = _hull_map(affine)
    hulls = boxes.astype(np.float64) @ matrix + offset
    # Rounding may turn a box without area inside out.
    np.maximum(hulls[:, 2:], hulls[:, :2], out=hulls[:, 2:])
    return clip_boxes(hulls, height, width).astype(np.float32)


@lru_cache(maxsize=64)
def _hull_map(affine: Affine) -> tuple[Array, Array]:
    """(4, 4) and (4,): the hull of a moved box is ``box @ matrix + offset``.

    Of both ends of a side, a positive coefficient takes the nearer one to the near side
    of the hull and a negative one the farther.
    """
    origin = affine.forward(np.zeros((1, 2)))
    linear = affine.forward(np.eye(2)) - origin
    rising, falling = np.maximum(linear, 0), np.minimum(linear, 0)
    matrix = np.block([[rising, falling], [falling, rising]])
    return matrix, np.tile(origin[0], 2)


def crop_bounds(box: Array, height: int, width: int) -> tuple[int, int, int, int]:
    """Return the pixels of a box as ``top, bottom, left, right`` (half-open).

    Zoph et al. count the last row and column in, ``min(int(y2), H - 1)``, so that the
    crop is one pixel larger than the box and never empty.
    """
    left, top, right, bottom = box.tolist()
    top, bottom = _inside(top, height), _inside(bottom, height)
    left, right = _inside(left, width), _inside(right, width)
    return top, max(top, bottom) + 1, left, max(left, right) + 1


def _inside(value: float, size: int) -> int:
    return min(max(int(value), 0), size - 1)
