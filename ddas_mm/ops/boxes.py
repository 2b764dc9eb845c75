"""Boxes: (N, 4) float32 ``x1, y1, x2, y2`` in pixels."""

from __future__ import annotations

import numpy as np

from .affine import Affine

_CORNERS = np.array([0, 1, 2, 1, 2, 3, 0, 3])  # x1y1, x2y1, x2y2, x1y2


def clip_boxes(boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Clip (N, 4) boxes to the image; a box outside becomes a line on its border."""
    limits = np.array([width, height, width, height], dtype=boxes.dtype)
    return np.clip(boxes, 0, limits)


def warp_boxes(
    boxes: np.ndarray, affine: Affine, height: int, width: int
) -> np.ndarray:
    """Return the clipped hulls of the moved corners; no box is dropped.

    The references truncate corners to whole pixels and give boxes that left the image
    5 % of its side; neither is repeated here (``Part 0`` of the operations' spec, 5).

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
    corners = affine.forward(boxes[:, _CORNERS].reshape(-1, 2)).reshape(-1, 4, 2)
    hulls = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    return clip_boxes(hulls, height, width).astype(np.float32)


def crop_bounds(box: np.ndarray, height: int, width: int) -> tuple[int, int, int, int]:
    """Return the pixels of a box as ``top, bottom, left, right`` (half-open).

    Zoph et al. count the last row and column in, ``min(int(y2), H - 1)``, so that the
    crop is one pixel larger than the box and never empty (A4).
    """
    left, top, right, bottom = box.tolist()
    top, bottom = _inside(top, height), _inside(bottom, height)
    left, right = _inside(left, width), _inside(right, width)
    return top, max(top, bottom) + 1, left, max(left, right) + 1


def _inside(value: float, size: int) -> int:
    return min(max(int(value), 0), size - 1)
