"""One warp for everything that has pixels, by the cheapest exact route."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import cv2
import numpy as np

from .affine import Affine
from .bands import bands
from .grid import Grid, Row

Fill = int | tuple[int, int, int]
_CACHED_PIXELS = 1 << 19  # a table takes 8 bytes a pixel: at most 64 MB are kept
Move = Callable[[np.ndarray, Fill], np.ndarray]
"""Takes an array (H, W) or (H, W, 3) uint8 and a fill; may return its input."""


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
        return _sheared(rows[0], grid, height, width)
    if a == 1 and e == 1 and b == 0:
        flipped = _sheared((e, d, affine.f), grid, width, height)
        return lambda array, fill: _transposed(flipped(_transposed(array), fill))
    index = _index_table(affine, grid, height, width)
    return lambda array, fill: _look_up(array, index, fill)


Span = tuple[int, int, int]
"""Output range and shift of one axis: ``out[i] = in[i + shift]``, start <= i < stop."""


def _span(index: np.ndarray, size: int) -> Span:
    valid = np.flatnonzero((index >= 0) & (index < size))
    if len(valid) == 0:
        return 0, 0, 0
    first = int(valid[0])
    return first, int(valid[-1]) + 1, int(index[first]) - first


def _place(
    array: np.ndarray, rows: Span, columns: Span, height: int, width: int, fill: Fill
) -> np.ndarray:
    y0, y1, dy = rows
    x0, x1, dx = columns
    if (y0, y1, dy, x0, x1, dx) == (0, height, 0, 0, width, 0):
        return array
    out = _filled(array, height, width, fill)
    out[y0:y1, x0:x1] = array[y0 + dy : y1 + dy, x0 + dx : x1 + dx]
    return out


def _filled(like: np.ndarray, height: int, width: int, fill: Fill) -> np.ndarray:
    line = np.empty((width, *like.shape[2:]), dtype=like.dtype)
    line[...] = fill
    out = np.empty((height, *line.shape), dtype=like.dtype)
    out[...] = line  # line by line: many times faster than three values at a time
    return out


def _unturned(rows: tuple[Row, Row], grid: Grid, height: int, width: int) -> Move:
    x, y = np.arange(width), np.arange(height)
    zero = np.zeros(1, dtype=np.int64)
    columns = _span(grid.index(rows[0], x, zero), width)
    lines = _span(grid.index(rows[1], zero, y), height)
    return lambda array, fill: _place(array, lines, columns, height, width, fill)


def _mirrored(rows: tuple[Row, Row], grid: Grid, height: int, width: int) -> Move:
    del rows, grid, height, width  # always about the middle: nothing leaves
    return lambda array, _: _flip(array, 1)


def _upended(rows: tuple[Row, Row], grid: Grid, height: int, width: int) -> Move:
    del rows, grid, height, width
    return lambda array, _: _flip(array, 0)


def _turned(rows: tuple[Row, Row], grid: Grid, height: int, width: int) -> Move:
    # Where height and width differ by an odd number, the middle of the turned image
    # lies half a pixel off; it goes down and right, as with Pillow's rotate(90).
    del rows, grid
    dy, dx = -((height - width) // 2), -((width - height) // 2)
    lines = _span(np.arange(height) + dy, width)
    columns = _span(np.arange(width) + dx, height)
    return lambda array, fill: _place(
        _rotate(array), lines, columns, height, width, fill
    )


_TURNS = {
    (1, 0, 0, 1): _unturned,
    (-1, 0, 0, 1): _mirrored,
    (1, 0, 0, -1): _upended,
    (0, -1, 1, 0): _turned,
}


def _flip(array: np.ndarray, code: int) -> np.ndarray:
    if array.dtype == np.uint8:
        return cv2.flip(array, code)
    return np.ascontiguousarray(np.flip(array, axis=code))


def _rotate(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return cv2.rotate(array, cv2.ROTATE_90_COUNTERCLOCKWISE)
    return np.ascontiguousarray(np.rot90(array))


def _transposed(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return cv2.transpose(array)
    return np.ascontiguousarray(array.T)


Run = tuple[slice, slice, slice]
"""Lines, output columns and input columns that one copy moves."""


def _sheared(row: Row, grid: Grid, height: int, width: int) -> Move:
    """Shift every line of pixels by its own whole number of pixels."""
    runs = [*_shifted_lines(row, grid, height, width)]
    # Copied last, and after the lines were cleared: they replace what went before.
    ties, tie_runs = _tied_lines(row, grid, height, width)

    def move(array: np.ndarray, fill: Fill) -> np.ndarray:
        out = _filled(array, height, width, fill)
        for lines, target, source in runs:
            out[lines, target] = array[lines, source]
        if len(ties):
            out[ties] = _filled(array, 1, width, fill)
        for lines, target, source in tie_runs:
            out[lines, target] = array[lines, source]
        return out

    return move


def _shifted_lines(row: Row, grid: Grid, height: int, width: int) -> Iterator[Run]:
    """Join lines with the same shift."""
    zero = np.zeros(1, dtype=np.int64)
    shifts = grid.index(row, zero, np.arange(height)).astype(np.int64)
    starts = [0, *(np.flatnonzero(np.diff(shifts)) + 1).tolist()]
    stops = [*starts[1:], height]
    for start, stop, shift in zip(starts, stops, shifts[starts].tolist(), strict=True):
        left, right = max(0, -shift), min(width, width - shift)
        if left < right:
            source = slice(left + shift, right + shift)
            yield slice(start, stop), slice(left, right), source


def _tied_lines(
    row: Row, grid: Grid, height: int, width: int
) -> tuple[np.ndarray, list[Run]]:
    """Cut lines whose shift changes on the way into pieces with one shift each."""
    ties = grid.ties(row, np.arange(height))
    if len(ties) == 0:
        return ties, []
    x = np.arange(width)
    index = grid.index(row, x, ties[:, None]).astype(np.int64)
    inside = (index >= 0) & (index < width)
    shift = np.where(inside, index - x, width)
    first = np.ones_like(inside)
    first[:, 1:] = shift[:, 1:] != shift[:, :-1]
    line, start = np.nonzero(first)
    stop = np.append(np.where(line[1:] == line[:-1], start[1:], width), width)
    pieces = zip(
        ties[line].tolist(),
        start.tolist(),
        stop.tolist(),
        shift[line, start].tolist(),
        strict=True,
    )
    return ties, [
        (slice(y, y + 1), slice(left, right), slice(left + move, right + move))
        for y, left, right, move in pieces
        if move != width
    ]


def _index_table(affine: Affine, grid: Grid, height: int, width: int) -> np.ndarray:
    """(H, W) flat input index of each output pixel; ``H * W`` stands for outside."""
    small = height * width <= _CACHED_PIXELS
    build = _build_index if small else _build_index.__wrapped__
    return build(affine, grid, height, width)


@lru_cache(maxsize=16)
def _build_index(affine: Affine, grid: Grid, height: int, width: int) -> np.ndarray:
    index = np.empty((height, width), dtype=np.intp)
    x = np.arange(width)
    for rows in bands(height, width):
        y = np.arange(rows.start, rows.stop)[:, None]
        column = grid.rough_index((affine.a, affine.b, affine.c), x, y)
        line = grid.rough_index((affine.d, affine.e, affine.f), x, y)
        # As unsigned numbers, negative ones are too large as well.
        unsigned = np.uint32 if line.itemsize == 4 else np.uint64
        outside = column.view(unsigned) >= width
        outside |= line.view(unsigned) >= height
        line *= width
        line += column
        line[outside] = height * width
        index[rows] = line
    return index


def _look_up(array: np.ndarray, index: np.ndarray, fill: Fill) -> np.ndarray:
    height, width = array.shape[:2]
    if array.ndim == 2:
        flat = np.append(array.ravel(), np.asarray(fill, dtype=array.dtype))
        return flat.take(index)
    # Four bytes to the pixel, so that one look-up moves all channels.
    packed = np.empty((height * width + 1, 4), dtype=np.uint8)
    cv2.cvtColor(array, cv2.COLOR_BGR2BGRA, dst=packed[:-1].reshape(height, width, 4))
    packed[-1, :3] = fill
    pixels = packed.view(np.int32)[:, 0]
    out = np.empty_like(array)
    for rows in bands(height, width):
        moved = pixels.take(index[rows]).view(np.uint8).reshape(-1, width, 4)
        cv2.cvtColor(moved, cv2.COLOR_BGRA2BGR, dst=out[rows])
    return out
