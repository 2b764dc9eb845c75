"""Any affine map, by a table that says for each pixel where it comes from."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from .affine import Affine
from .arrays import Array
from .bands import bands
from .grid import Grid
from .place import Fill

_CACHED_PIXELS = 1 << 19  # a table takes 8 bytes a pixel: at most 64 MB are kept


def index_table(affine: Affine, grid: Grid, height: int, width: int) -> Array:
    """(H, W) flat input index of each output pixel; ``H * W`` stands for outside."""
    small = height * width <= _CACHED_PIXELS
    build = _build if small else _build.__wrapped__
    return build(affine, grid, height, width)


@lru_cache(maxsize=16)
def _build(affine: Affine, grid: Grid, height: int, width: int) -> Array:
    index = np.empty((height, width), dtype=np.intp)
    x = np.arange(width)
    for rows in bands(height, width):
        y = np.arange(rows.start, rows.stop)[:, None]
        column = grid.rough_index((affine.a, affine.b, affine.c), x, y)
        line = grid.rough_index((affine.d, affine.e, affine.f), x, y)
        # As unsigned numbers, negative ones are too large as well.
        unsigned = np.dtype(f'u{line.itemsize}')
        outside = np.greater_equal(column.view(unsigned), width)
        outside |= np.greater_equal(line.view(unsigned), height)
        line *= width
        line += column
        line[outside] = height * width
        index[rows] = line
    return index


def look_up(array: Array, index: Array, fill: Fill) -> Array:
    """Return a new array of the pixels that ``index`` (H, W) points at."""
    height, width = array.shape[:2]
    if array.ndim == 2:
        flat = np.append(array.ravel(), np.asarray(fill, dtype=array.dtype))
        return flat.take(index)
    # Four bytes to the pixel, so that one look-up moves all channels.
    packed = np.empty((height * width + 1, 4), dtype=np.uint8)
    cv2.cvtColor(array, cv2.COLOR_BGR2BGRA, dst=packed[:-1].reshape(height, width, 4))
    packed[-1, :3] = fill
    pixels = packed.view(np.int32)[:, 0]
    out = np.empty_like(array, order='C')
    for rows in bands(height, width):
        moved = pixels.take(index[rows]).view(np.uint8).reshape(-1, width, 4)
        cv2.cvtColor(moved, cv2.COLOR_BGRA2BGR, dst=out[rows])
    return out
