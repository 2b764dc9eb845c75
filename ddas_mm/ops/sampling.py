"""Moving the pixels of an image by a map of the plane."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import cv2
import numpy as np

from ddas_mm.ops.geometry import Affine, Array

Fill = int | tuple[int, ...]
# Takes an array (H, W) or (H, W, C) and a fill; may return its input.
Move = Callable[[Array, Fill], Array]
_PIXELS = 1 << 16


def bands(height: int, width: int) -> Iterator[slice]:
    """Yield the rows of an image in slices of about 65,000 pixels.

    Fresh arrays of a megabyte cost more in page faults than the arithmetic in them.
    """
    step = max(1, _PIXELS // width)
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


Row = tuple[float, float, float]
_FIXED = 16  # fractional bits of Pillow's affine transform
_TIE = 1e-3  # wider than the rounding of float32 coordinates below 8192


@dataclass(frozen=True)
class PillowGrid:
    """Pixel centres and floor, in 16.16 fixed point (Pillow's ``affine_fixed``)."""

    def index(self, row: Row, x: Array, y: Array) -> Array:
        """Return the input index of output pixels; x and y broadcast."""
        a, b, c = row
        start = _to_fixed(c + 0.5 * a + 0.5 * b)
        fixed: Array = _to_fixed(a) * x + (_to_fixed(b) * y + start)
        return fixed >> _FIXED

    def ties(self, _row: Row, _steps: Array) -> Array:
        """Return the lines on which the shift of a shear is not constant: none."""
        return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class ZophGrid:
    """Integer coordinates in float32, rounded half away from zero (Zoph et al.)."""

    def index(self, row: Row, x: Array, y: Array) -> Array:
        """Return the input index of output pixels; x and y broadcast, float64."""
        value = self._value(row, x, y).astype(np.float64)
        index: Array = np.trunc(value + np.copysign(0.5, value))
        return index

    def ties(self, row: Row, steps: Array) -> Array:
        """Return the lines on which float32 rounding makes the shift vary with x."""
        zero = np.zeros(1, dtype=np.int64)
        shift = self._value(row, zero, steps).astype(np.float64)
        return np.flatnonzero(np.abs(shift - np.floor(shift) - 0.5) < _TIE)

    def _value(self, row: Row, x: Array, y: Array) -> Array:
        """``(a x + b y) + c`` at pixel centres, in the order of Zoph et al."""
        a, b, c = row
        along, down = x.astype(np.float32), y.astype(np.float32)
        value = np.float32(a) * along + np.float32(b) * down
        return value + np.float32(c + 0.5 * a + 0.5 * b - 0.5)


Grid = PillowGrid | ZophGrid


def _to_fixed(value: float) -> int:
    return math.floor(value * (1 << _FIXED) + 0.5)


_CACHED_PIXELS = 1 << 20  # a table takes 4 bytes a pixel: at most 64 MB are kept
_NONE = np.empty(0)  # of a second map: places are whole numbers
_SHORT = 8192  # pixels of a side for which 32 bits hold fixed-point numbers


def place_table(affine: Affine, grid: Grid, height: int, width: int) -> Array:
    """(H, W, 2) int16: the input's column and row of each output pixel."""
    small = height * width <= _CACHED_PIXELS
    build = _build if small else _build.__wrapped__
    return build(affine, grid, height, width)


@lru_cache(maxsize=16)
def _build(affine: Affine, grid: Grid, height: int, width: int) -> Array:
    places = np.empty((height, width, 2), dtype=np.int16)
    dtype = np.int32 if max(height, width) <= _SHORT else np.int64
    x, y = np.arange(width, dtype=dtype), np.arange(height, dtype=dtype)[:, None]
    for rows in bands(height, width):
        column = grid.index((affine.a, affine.b, affine.c), x, y[rows])
        line = grid.index((affine.d, affine.e, affine.f), x, y[rows])
        places[rows, :, 0] = np.clip(column, -1, width)  # either stands for outside
        places[rows, :, 1] = np.clip(line, -1, height)
    return places


def look_up(array: Array, places: Array, fill: Fill) -> Array:
    """Return a new array of the pixels at ``places`` (H, W, 2), x and y."""
    # OpenCV knows no larger integers, and takes a single number for the first channel.
    pixels = array if array.itemsize <= 2 else array.astype(np.int32)
    colour = (fill,) * 4 if isinstance(fill, int) else fill
    moved = cv2.remap(pixels, places, _NONE, cv2.INTER_NEAREST, borderValue=colour)
    return cast(Array, moved.astype(array.dtype, copy=False).reshape(array.shape))


def fill_of(image: Array, colour: tuple[int, int, int]) -> Fill:
    """Return a colour of bytes in the channels and the range of an image.

    Where the channels are not three it is the colour's mean in each.
    """
    scale = np.iinfo(image.dtype).max // 255
    values = colour if image.shape[2] == 3 else (round(sum(colour) / 3),)
    return tuple(scale * v for v in values) if len(values) == 3 else scale * values[0]


# Output range and shift of one axis: ``out[i] = in[i + shift]``, start <= i < stop.
Span = tuple[int, int, int]


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
    """Write one colour over an array (H, W[, C])."""
    # Whole lines are many times faster than three values at a time.
    line = np.empty(area.shape[1:], dtype=area.dtype)
    line[...] = fill
    area[...] = line


# Lines, output columns and input columns that one copy moves.
Run = tuple[slice, slice, slice]


@lru_cache(maxsize=64)
def plan_shear(row: Row, grid: Grid, height: int, width: int) -> Move:
    """Return the function that shifts every line by its own number of pixels.

    ``row`` gives the input column. Lines with the same shift are copied together.
    """
    runs = [*_shifted_lines(row, grid, height, width)]
    ties = grid.ties(row, np.arange(height))  # whose pixels are looked up one by one
    places = np.empty((len(ties), width, 2), dtype=np.int16)
    column = grid.index(row, np.arange(width), ties[:, None])
    places[..., 0] = np.clip(column, -1, width)
    places[..., 1] = np.arange(len(ties))[:, None]

    def move(array: Array, fill: Fill) -> Array:
        out = filled(array, height, width, fill)
        for lines, target, source in runs:
            out[lines, target] = array[lines, source]
        if len(ties):
            out[ties] = look_up(array[ties], places, fill)
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


Turn = Callable[[Array], Array]


def _turner(fast: Turn, general: Turn) -> Turn:
    """Return OpenCV's function for what it takes as it is, NumPy's for the rest."""

    def turned(array: Array) -> Array:
        if array.dtype == np.uint8 and array.shape[2:] in ((), (3,)):
            return fast(array)
        return np.ascontiguousarray(general(array))

    return turned


_flipped = _turner(lambda array: cv2.flip(array, 1), np.fliplr)
_rotated = _turner(lambda a: cv2.rotate(a, cv2.ROTATE_90_COUNTERCLOCKWISE), np.rot90)
_transposed = _turner(cv2.transpose, lambda array: array.swapaxes(0, 1))


def plan_warp(affine: Affine, grid: Grid, height: int, width: int) -> Move:
    """Return the function that moves arrays of ``height`` x ``width`` pixels.

    Shifts and shears are copies of slices, quarter turns and flips OpenCV calls,
    everything else a table of pixels' places. All are exact for the grid; OpenCV's own
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
    places = place_table(affine, grid, height, width)
    return lambda array, fill: look_up(array, places, fill)


def _unturned(rows: tuple[Row, Row], grid: Grid, height: int, width: int) -> Move:
    zero = np.zeros(1, dtype=np.int64)
    columns = span(grid.index(rows[0], np.arange(width), zero), width)
    lines = span(grid.index(rows[1], zero, np.arange(height)), height)
    return lambda array, fill: place(array, lines, columns, height, width, fill)


def _turned(_rows: tuple[Row, Row], _grid: Grid, height: int, width: int) -> Move:
    # Where height and width differ by an odd number, pixels come to lie on the corners
    # of others; the half goes down and left, as with Pillow's rotate(90).
    shift = (width - height) // 2
    lines = span(np.arange(height) + shift, width)
    columns = span(np.arange(width) - shift, height)
    spans = lines, columns, height, width
    return lambda array, fill: place(_rotated(array), *spans, fill)


_TURNS: dict[tuple[float, float, float, float], Callable[..., Move]] = {
    (1, 0, 0, 1): _unturned,
    # always about the middle: nothing leaves
    (-1, 0, 0, 1): lambda *_: lambda array, _: _flipped(array),
    (1, 0, 0, -1): lambda *_: lambda array, _: array[::-1].copy(),
    (0, -1, 1, 0): _turned,
}
