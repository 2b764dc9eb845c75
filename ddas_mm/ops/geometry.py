"""Affine maps, and how boxes move by them: one matrix moves all of a sample.

Coordinates are continuous: pixel ``i`` covers ``[i, i + 1)`` and its centre lies at
``i + 0.5``; boxes, ``(N, 4)`` float32 ``x1, y1, x2, y2``, and polygons live in the same
coordinates. x runs to the right, y downwards. Matrices map **output to input**, as the
references define their arguments.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Image = NDArray[Any]  # (H, W, C), uint8 or uint16
Boxes = NDArray[np.float32]


@dataclass(frozen=True)
class Affine:
    """``x_in = a x + b y + c``, ``y_in = d x + e y + f``, in pixels."""

    a: float
    b: float
    c: float
    d: float
    e: float
    f: float

    @property
    def linear(self) -> tuple[float, float, float, float]:
        """The part without the shift: ``(a, b, d, e)``."""
        return self.a, self.b, self.d, self.e

    def forward(self, points: Array) -> Array:
        """Return where input points land in the output.

        Args:
            points: (M, 2) x, y in pixels.

        Returns:
            (M, 2) float64.
        """
        a, b, d, e = self.linear
        determinant = a * e - b * d
        x = points[:, 0].astype(np.float64) - self.c
        y = points[:, 1].astype(np.float64) - self.f
        return np.stack([e * x - b * y, a * y - d * x], axis=1) / determinant


def rotation(degrees: float, height: int, width: int) -> Affine:
    """Rotate about the middle of the image; positive is counter-clockwise."""
    # As Pillow: 15 digits, so that right angles are exact.
    cosine = round(math.cos(math.radians(degrees)), 15)
    sine = round(math.sin(math.radians(degrees)), 15)
    x, y = width / 2, height / 2
    c, f = x - cosine * x + sine * y, y - sine * x - cosine * y
    return Affine(cosine, -sine, c, sine, cosine, f)


def rotation_zoph(degrees: float, height: int, width: int) -> Affine:
    """:func:`rotation` in the float32 arithmetic of Zoph et al., which decides ties."""
    angle = np.float32(degrees * (math.pi / 180))
    cosine, sine = np.cos(angle), np.sin(angle)
    right, bottom = np.float32(width - 1), np.float32(height - 1)
    x = (right - (cosine * right - sine * bottom)) / np.float32(2)
    y = (bottom - (sine * right + cosine * bottom)) / np.float32(2)
    # x and y are where the top left pixel's centre comes from.
    a, b, d, e = map(float, (cosine, -sine, sine, cosine))
    c, f = float(x) - (a + b - 1) / 2, float(y) - (d + e - 1) / 2
    return Affine(a, b, c, d, e, f)


def quarter_turn(height: int, width: int) -> Affine:
    """Rotate by 90 degrees counter-clockwise about the middle; the canvas stays."""
    return rotation(90, height, width)


def translation_x(pixels: float, _height: int, _width: int) -> Affine:
    """Positive ``pixels`` move the content to the left."""
    return Affine(1, 0, pixels, 0, 1, 0)


def translation_y(pixels: float, _height: int, _width: int) -> Affine:
    """Positive ``pixels`` move the content up."""
    return Affine(1, 0, 0, 0, 1, pixels)


def shear_x_at_corner(shear: float, _height: int, _width: int) -> Affine:
    """``x_in = x + shear * y``: Pillow's pivot, the image's top left corner."""
    return Affine(1, shear, 0, 0, 1, 0)


def shear_y_at_corner(shear: float, _height: int, _width: int) -> Affine:
    """``y_in = y + shear * x``: Pillow's pivot, the image's top left corner."""
    return Affine(1, 0, 0, shear, 1, 0)


def shear_x_at_pixel(shear: float, _height: int, _width: int) -> Affine:
    """As :func:`shear_x_at_corner` about the top left pixel's centre (Zoph et al.)."""
    return Affine(1, shear, -0.5 * shear, 0, 1, 0)


def shear_y_at_pixel(shear: float, _height: int, _width: int) -> Affine:
    """As :func:`shear_y_at_corner` about the top left pixel's centre (Zoph et al.)."""
    return Affine(1, 0, 0, shear, 1, -0.5 * shear)


def flip_left_right(_height: int, width: int) -> Affine:
    """Mirror about the vertical middle line."""
    return Affine(-1, 0, width, 0, 1, 0)


def flip_up_down(height: int, _width: int) -> Affine:
    """Mirror about the horizontal middle line."""
    return Affine(1, 0, 0, 0, -1, height)


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


def warp_corners(corners: Array, affine: Affine) -> Array:
    """Return where corners (N, 4, 2) land; they may leave the image."""
    return affine.forward(corners.reshape(-1, 2)).reshape(corners.shape)


def corner_hulls(corners: Array, height: int, width: int) -> Boxes:
    """Return the clipped upright hulls (N, 4) float32 of corners (N, 4, 2)."""
    hulls = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    return clip_boxes(hulls, height, width).astype(np.float32)


def rectangle_corners(rectangles: Array) -> Array:
    """Return the corners (N, 4, 2) float64 of turned rectangles, around the border.

    Args:
        rectangles: (N, 5) centre x and y, width, height, and the angle in radians by
            which the width's side is turned from the x axis to the y axis.
    """
    x, y, width, height, angle = rectangles.astype(np.float64).T
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (width / 2)[:, None]
    across = np.stack([-np.sin(angle), np.cos(angle)], axis=1) * (height / 2)[:, None]
    centre = np.stack([x, y], axis=1)
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return np.stack([centre + a * along + b * across for a, b in signs], axis=1)


def smallest_rectangles(corners: Array) -> Array:
    """Return the rectangles (N, 5) of least area around parallelograms (N, 4, 2).

    The inverse of :func:`rectangle_corners`. One of its sides lies on one of the
    parallelogram's; the width's is taken where both do, as in a rectangle.
    """
    centre = corners.mean(axis=1)
    one, other = corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0]
    area = np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0])
    overlap = np.abs((one * other).sum(axis=1))
    tiny = np.finfo(np.float64).tiny  # of a side without length
    long, short = (np.linalg.norm(side, axis=1) for side in (one, other))
    on_one = long + overlap / (long + tiny), area / (long + tiny)
    on_other = area / (short + tiny), short + overlap / (short + tiny)
    first = on_one[0] * on_one[1] <= on_other[0] * on_other[1] * (1 + 1e-9)
    angle = np.where(
        first,
        np.arctan2(one[:, 1], one[:, 0]),
        np.arctan2(other[:, 1], other[:, 0]) - math.pi / 2,
    )
    sides = (np.where(first, a, b) for a, b in zip(on_one, on_other, strict=True))
    return np.stack([*centre.T, *sides, angle], axis=1)


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
