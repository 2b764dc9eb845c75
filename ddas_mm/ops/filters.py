"""Neighbourhood filters: (H, W, 3) uint8 in, the same out, the input untouched."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np

from .arrays import Array, Image
from .blend import blend

_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], dtype=np.float32) / 13
_RING = np.ones((5, 5), dtype=np.float32) / 16
_RING[1:4, 1:4] = 0

# filter2D rounds to the nearest, halves to even. Sums are multiples of 1/13 or 1/16, so
# a smaller nudge decides only what the reference decides otherwise.
_HALVES_UP = 0.02
_DOWN = -0.5 + 0.02


def smooth(image: Image) -> Image:
    """3x3 smoothing, one pixel of border as it was (``ImageFilter.SMOOTH``)."""
    return _filtered(image, _SMOOTH, _HALVES_UP)


def blur(image: Image) -> Image:
    """Mean of a 5x5 ring, two pixels of border as they were (``ImageFilter.BLUR``)."""
    return _filtered(image, _RING, _HALVES_UP)


def sharpness_pillow(image: Image, factor: float) -> Image:
    """Blend with :func:`smooth` (``ImageEnhance.Sharpness``); factor 1 is identity."""
    return blend(_filtered(image, _SMOOTH, _HALVES_UP), image, factor)


def sharpness_zoph(image: Image, factor: float) -> Image:
    """Blend with the truncated smooth image (Zoph et al.); factor 1 is identity."""
    return blend(_filtered(image, _SMOOTH, _DOWN), image, factor)


def _filtered(image: Image, kernel: Array, nudge: float) -> Image:
    """Return a new image; one smaller than the kernel is all border."""
    border = len(kernel) // 2
    height, width = image.shape[:2]
    if height <= 2 * border or width <= 2 * border:
        return image.copy()
    out = cast(Image, cv2.filter2D(image, -1, kernel, delta=nudge))
    for edge in (slice(None, border), slice(-border, None)):
        out[edge] = image[edge]
        out[:, edge] = image[:, edge]
    return out
