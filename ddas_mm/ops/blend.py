"""The enhance family's blend: exact in float32, at the speed of ``addWeighted``."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from .arrays import Array, Image
from .bands import bands

# Added before addWeighted rounds, so that it truncates; the small part keeps whole
# numbers whole. Neighbouring results of one factor lie at least 0.01 apart.
_TRUNCATE = -0.5 + 1e-3


def blend(
    degenerate: Image,
    image: Image,
    factor: float,
    image32: Array | None = None,
) -> Image:
    """Return ``degenerate + factor * (image - degenerate)``, clipped and truncated.

    float32 as in Pillow's ``Image.blend`` and in Zoph et al., which agree bit by bit.

    Args:
        degenerate: (H, W, 3) uint8, what factor 0 gives. **Overwritten** by the result,
            which saves the time of a new image.
        image: (H, W, 3) uint8, what factor 1 gives.
        factor: Any number >= 0; above 1 extrapolates.
        image32: ``image`` as float32, where the caller has it. **Overwritten**, too.
    """
    if _is_exact(factor):
        weights = factor, degenerate, 1 - factor, _TRUNCATE
        cv2.addWeighted(image, *weights, dst=degenerate)
        return degenerate
    for rows in bands(*image.shape[:2]):
        high = image[rows].astype(np.float32) if image32 is None else image32[rows]
        degenerate[rows] = _exact(degenerate[rows], high, factor)
    return degenerate


def blend_table(degenerate: int, factor: float) -> Array:
    """Return :func:`blend` of all 256 grey levels with one grey level, (256,) uint8."""
    return _exact(np.full(256, degenerate), np.arange(256, dtype=np.float32), factor)


def _exact(degenerate: Array, image32: Array, factor: float) -> Array:
    """Blend in float32; uses up ``image32``."""
    low = degenerate.astype(np.float32)
    image32 -= low
    image32 *= np.float32(factor)
    image32 += low
    return np.clip(image32, 0, 255, out=image32).astype(np.uint8)


@lru_cache(maxsize=1024)
def _is_exact(factor: float) -> bool:
    """Whether addWeighted gives float32's result for each pair of grey levels.

    It does, but for a few factors (1.18 is one) whose products fall just below whole
    numbers in float32.
    """
    expected = _exact(_LOW, _HIGH.astype(np.float32), factor)
    fast = cv2.addWeighted(_HIGH, factor, _LOW, 1 - factor, _TRUNCATE)
    return bool(np.array_equal(fast, expected))


_LOW, _HIGH = (
    np.ascontiguousarray(grid)
    for grid in np.meshgrid(
        np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8), indexing='ij'
    )
)
