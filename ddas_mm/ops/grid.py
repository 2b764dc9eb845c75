"""The two conventions of nearest-neighbour sampling, exact to the pixel.

A *row* is one line of an :class:`~.affine.Affine` matrix, ``(a, b, c)``: the input
coordinate of an output pixel is ``a x + b y + c``. A grid turns it into the index of
the input pixel. Pillow and Zoph et al. differ in arithmetic and in how they break ties,
which decides 3-6 % of the pixels of a shear.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .arrays import Array

Row = tuple[float, float, float]

_FIXED = 16  # fractional bits of Pillow's affine transform
_BELOW_HALF = np.nextafter(np.float32(0.5), np.float32(0))
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

    def rough_index(self, row: Row, x: Array, y: Array) -> Array:
        """:meth:`index` for whole images: as exact, in int32 where that holds it."""
        small = max(x.size, y.max() + 1) <= 8192
        dtype = np.int32 if small else np.int64
        return self.index(row, x.astype(dtype), y.astype(dtype))

    def ties(self, row: Row, steps: Array) -> Array:
        """Return the lines on which the shift of a shear is not constant: none."""
        del row, steps
        return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class ZophGrid:
    """Integer coordinates in float32, rounded half away from zero (Zoph et al.)."""

    def index(self, row: Row, x: Array, y: Array) -> Array:
        """Return the input index of output pixels; x and y broadcast, float64."""
        value = self._value(row, x, y).astype(np.float64)
        index: Array = np.trunc(value + np.copysign(0.5, value))
        return index

    def rough_index(self, row: Row, x: Array, y: Array) -> Array:
        """:meth:`index` for whole images, int32, as exact."""
        value = self._value(row, x, y)
        # Adding one half in float32 would round what lies just below a tie.
        index: Array = np.floor(value).astype(np.int32)
        value -= index
        # Ties go away from zero: -0.5 to -1, outside, where all below it is anyway.
        index += value > np.where(index < 0, 0.5, _BELOW_HALF)
        return index

    def ties(self, row: Row, steps: Array) -> Array:
        """Return the lines on which float32 rounding makes the shift vary with x."""
        zero = np.zeros(1, dtype=np.int64)
        shift = self._value(row, zero, steps).astype(np.float64)
        return np.flatnonzero(np.abs(shift - np.floor(shift) - 0.5) < _TIE)

    def _value(self, row: Row, x: Array, y: Array) -> Array:
        """``(a x + b y) + c`` at pixel centres, in the order of Zoph et al."""
        a, b, c = row
        value = np.float32(a) * x.astype(np.float32) + np.float32(b) * y.astype(
            np.float32
        )
        return value + np.float32(c + 0.5 * a + 0.5 * b - 0.5)


Grid = PillowGrid | ZophGrid


def _to_fixed(value: float) -> int:
    return math.floor(value * (1 << _FIXED) + 0.5)
