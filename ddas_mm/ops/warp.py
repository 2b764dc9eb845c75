"""One warp for everything that has pixels, by the cheapest exact route."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .affine import Affine
from .arrays import Array
from .grid import Grid, Row
from .lookup import index_table, look_up
from .place import Move, place, span
from .shear import plan_shear


def plan_warp(affine: Affine, grid: Grid, height: int, width: int) -> Move:
    """Return the function that moves arrays of ``height`` x ``width`` pixels.

    Shifts and shears are copies of slices, quarter turns and flips OpenCV calls,
    everything else a table of pixel indices. All are exact for the grid; OpenCV's own
    affine warp is not, it rounds coordinates to 1/1024 pixel.
    """
    a, b, d, e = affine.linear
    rows = (a, b, affine.c), (d, e, affine.f)
    turn = _TURNS.get(affine.linear)
    if turn is not None:
        return turn(rows, grid, height, width)
    if a == 1 and e == 1 and d == 0:
        return plan_shear(rows[0], grid, height, width)
    if a == 1 and e == 1 and b == 0:
        shear = plan_shear((e, d, affine.f), grid, width, height)
        return lambda array, fill: _transposed(shear(_transposed(array), fill))
    index = index_table(affine, grid, height, width)
    return lambda array, fill: look_up(array, index, fill)


def _unturned(rows: tuple[Row, Row], grid: Grid, height: int, width: int) -> Move:
    zero = np.zeros(1, dtype=np.int64)
    columns = span(grid.index(rows[0], np.arange(width), zero), width)
    lines = span(grid.index(rows[1], zero, np.arange(height)), height)
    return lambda array, fill: place(array, lines, columns, height, width, fill)


def _mirrored(rows: tuple[Row, Row], grid: Grid, height: int, width: int) -> Move:
    del rows, grid, height, width  # always about the middle: nothing leaves
    return lambda array, _: _flipped(array)


def _upended(rows: tuple[Row, Row], grid: Grid, height: int, width: int) -> Move:
    del rows, grid, height, width
    return lambda array, _: array[::-1].copy()


def _turned(rows: tuple[Row, Row], grid: Grid, height: int, width: int) -> Move:
    # Where height and width differ by an odd number, pixels come to lie on the corners
    # of others; the half goes down and left, as with Pillow's rotate(90).
    del rows, grid
    shift = (width - height) // 2
    lines = span(np.arange(height) + shift, width)
    columns = span(np.arange(width) - shift, height)
    return lambda array, fill: place(
        _rotated(array), lines, columns, height, width, fill
    )


_TURNS: dict[tuple[float, float, float, float], Callable[..., Move]] = {
    (1, 0, 0, 1): _unturned,
    (-1, 0, 0, 1): _mirrored,
    (1, 0, 0, -1): _upended,
    (0, -1, 1, 0): _turned,
}


def _flipped(array: Array) -> Array:
    if array.dtype == np.uint8:
        return cv2.flip(array, 1)
    return np.ascontiguousarray(array[:, ::-1])


def _rotated(array: Array) -> Array:
    if array.dtype == np.uint8:
        return cv2.rotate(array, cv2.ROTATE_90_COUNTERCLOCKWISE)
    return np.ascontiguousarray(np.rot90(array))


def _transposed(array: Array) -> Array:
    if array.dtype == np.uint8:
        return cv2.transpose(array)
    return np.ascontiguousarray(array.T)
