"""Copying rectangles of pixels: the cheapest warp, and the ground of others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .arrays import Array

Fill = int | tuple[int, int, int]
Move = Callable[[Array, Fill], Array]
"""Takes an array (H, W) or (H, W, 3) uint8 and a fill; may return its input."""

Span = tuple[int, int, int]
"""Output range and shift of one axis: ``out[i] = in[i + shift]``, start <= i < stop."""


def span(index: Array, size: int) -> Span:
    """Return the part of an axis that has input, from (n,) indices in a row."""
    valid = np.flatnonzero((index >= 0) & (index < size))
    if len(valid) == 0:
        return 0, 0, 0
    first = int(valid[0])
    return first, int(valid[-1]) + 1, int(index[first]) - first


def place(
    array: Array, rows: Span, columns: Span, height: int, width: int, fill: Fill
) -> Array:
    """Put part of an array on a canvas; returns ``array`` where nothing would move."""
    y0, y1, dy = rows
    x0, x1, dx = columns
    if (y0, y1, dy, x0, x1, dx) == (0, height, 0, 0, width, 0):
        return array
    out = filled(array, height, width, fill)
    out[y0:y1, x0:x1] = array[y0 + dy : y1 + dy, x0 + dx : x1 + dx]
    return out


def filled(like: Array, height: int, width: int, fill: Fill) -> Array:
    """Return an empty canvas with the dtype and channels of ``like``."""
    out = np.empty((height, width, *like.shape[2:]), dtype=like.dtype)
    paint(out, fill)
    return out


def paint(area: Array, fill: Fill) -> None:
    """Write one colour over an array (H, W[, 3])."""
    # Whole lines are many times faster than three values at a time.
    line = np.empty(area.shape[1:], dtype=area.dtype)
    line[...] = fill
    area[...] = line
