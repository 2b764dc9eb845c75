"""Colour operations: an image in, the same kind out, the input untouched.

Images are (H, W, 3), or a plane (H, W) that is treated as three equal channels, which
``color`` leaves as they are; uint8, and uint16 where a table marks the operation as
``wide``. Grey levels in arguments are those of bytes, of which one is 257 in 16 bits.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import cast

import cv2
import numpy as np

from ddas_mm.ops.geometry import Array, Image
from ddas_mm.ops.sampling import bands

_FEW_VALUES = 1 << 15  # below, a table of three channels beats three planes
_PILLOW_GREY = np.array([19595, 38470, 7471, 32768]) / 65536  # ITU-R 601-2, rounded
# tf.image.rgb_to_grayscale on [0, 1], back to uint8 with the factor 255.5.
_ZOPH_WEIGHTS = np.array([0.2989, 0.5870, 0.1140], np.float32)
GreyOf = Callable[[Array, str], Image]  # of float32 pixels, in a channel order
_NEAR = 1e-4  # wider than the rounding of float32 sums below 256
_ZOPH_GREY = np.append(_ZOPH_WEIGHTS.astype(np.float64) * 255.5 / 255, -_NEAR)


def invert(image: Image) -> Image:
    """Return 255 - v (``ImageOps.invert``), or 65535 - v."""
    return np.invert(image)


def posterize(image: Image, bits: float) -> Image:
    """Keep the high ``bits`` of each value, at least one and at most eight.

    Today's Pillow refuses fewer than one bit, older ones returned a black image; Zoph
    et al. clamp the shift to seven, which is one bit kept.
    """
    lost = 8 * image.itemsize - min(max(int(bits), 1), 8)
    kept: Image = image & image.dtype.type(_levels(image)[-1] + 1 - (1 << lost))
    return kept


def solarize(image: Image, threshold: float) -> Image:
    """Invert values >= ``threshold``; <= 0 inverts all, >= 256 none."""
    if threshold <= 0:
        return invert(image)
    if image.dtype == np.uint16:
        return np.where(image >= int(threshold) * 257, np.invert(image), image)
    # THRESH_BINARY compares with >, and 255 - v is v with all bits turned.
    _, mask = cv2.threshold(image, int(threshold) - 1, 255, cv2.THRESH_BINARY)
    return cast(Image, cv2.bitwise_xor(image, mask, dst=mask))


def solarize_add(image: Image, addition: float) -> Image:
    """Add ``addition`` grey levels to values below 128 and clip."""
    levels = _levels(image)
    unit = levels[-1] // 255
    raised = np.minimum(levels + int(addition) * unit, levels[-1])
    return _mapped(image, np.where(levels < 128 * unit, raised, levels))


def brightness(image: Image, factor: float) -> Image:
    """Blend with black; factor 1 is identity."""
    return _mapped(image, blend_table(0, factor, _levels(image)))


def contrast(image: Image, factor: float, channel_order: str) -> Image:
    """Blend with the mean grey level, as Pillow; factor 1 is identity.

    Zoph et al. blend with H * W / 256 by mistake; we do not, in either table.
    """
    height, width = image.shape[:2]
    # Pillow's sums of 16-bit weights are exact: float32 holds those of bytes.
    exact = np.float32 if image.dtype == np.uint8 else np.float64
    total = 0
    for rows in bands(height, width):
        grey = image[rows]
        if image.ndim == 3:
            grey = _weighted(grey.astype(exact), _PILLOW_GREY, channel_order)
        total += int(grey.astype(image.dtype, copy=False).sum(dtype=np.int64))
    mean = int(total / (height * width) + 0.5)
    return _mapped(image, blend_table(mean, factor, _levels(image)))


def color_pillow(image: Image, factor: float, channel_order: str) -> Image:
    """Blend with the grey image (``ImageEnhance.Color``); factor 1 is identity."""
    return _blend_with_grey(image, factor, _grey_pillow, channel_order)


def color_zoph(image: Image, factor: float, channel_order: str) -> Image:
    """Blend with Zoph et al.'s grey image, which is truncated; factor 1 is identity."""
    return _blend_with_grey(image, factor, _grey_zoph, channel_order)


def _blend_with_grey(
    image: Image, factor: float, grey_of: GreyOf, channel_order: str
) -> Image:
    out = np.empty_like(image, order='C')
    for rows in bands(*image.shape[:2]):
        image32 = image[rows].astype(np.float32)
        grey = grey_of(image32, channel_order)
        cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR, dst=out[rows])
        blend(out[rows], image[rows], factor, image32)
    return out


def _grey_pillow(image32: Array, channel_order: str) -> Image:
    """(H, W) uint8: in float32, where Pillow's sums of 16-bit weights are exact."""
    return _weighted(image32, _PILLOW_GREY, channel_order).astype(np.uint8)


def _grey_zoph(image32: Array, channel_order: str) -> Image:
    """(H, W) uint8; where a sum lies near a whole number, by float32's own steps."""
    value = _weighted(image32, _ZOPH_GREY, channel_order)
    grey = value.astype(np.uint8)
    value += np.float32(2 * _NEAR)
    near = np.flatnonzero(grey != value.astype(np.uint8))
    pixels = image32.reshape(-1, 3)[near, :: -1 if channel_order == 'bgr' else 1]
    parts = pixels * np.float32(1 / 255) * _ZOPH_WEIGHTS
    exact = (parts[:, 0] + parts[:, 1] + parts[:, 2]) * np.float32(255.5)
    grey.ravel()[near] = exact.astype(np.uint8)
    return grey


def _weighted(image32: Array, weights: Array, channel_order: str) -> Array:
    """(H, W) float32: ``weights[:3] @ (R, G, B) + weights[3]``."""
    if channel_order == 'bgr':
        weights = weights[[2, 1, 0, 3]]
    return cv2.transform(image32, weights[None])


def autocontrast_pillow(image: Image) -> Image:
    """Stretch each channel to 0..255 (``ImageOps.autocontrast``, float64)."""
    return _stretch(image, np.float64)


def autocontrast_zoph(image: Image) -> Image:
    """Stretch each channel to 0..255 in float32, as Zoph et al."""
    return _stretch(image, np.float32)


def _stretch(image: Image, dtype: type[np.floating]) -> Image:
    levels, planes = _levels(image), _split(image)
    top = levels[-1]
    for plane in planes:
        low, high, _, _ = cv2.minMaxLoc(plane)
        if high > low:
            scale = dtype(top) / dtype(high - low)
            values = levels.astype(dtype) * scale - dtype(low) * scale
            _mapped(plane, np.clip(values, 0, top), out=plane)
    return _merged(planes)


def equalize(image: Image) -> Image:
    """Equalize each channel's histogram (``ImageOps.equalize``; Zoph et al. agree)."""
    tables = _equalizing_tables(image)
    if image.size <= _FEW_VALUES:
        return _mapped(image, np.ascontiguousarray(tables.T)[None])
    planes = _split(image)
    for plane, table in zip(planes, tables, strict=True):
        _mapped(plane, table, out=plane)
    return _merged(planes)


def _equalizing_tables(image: Image) -> Array:
    """(C, 256) uint8; the identity where one grey level fills (almost) all."""
    channels = 1 if image.ndim == 2 else 3
    counts = [
        cv2.calcHist([image], [c], None, [256], [0, 256]).ravel()  # (256, 1) before 5.0
        for c in range(channels)
    ]
    histogram = np.stack(counts).astype(np.int64)
    below = histogram.cumsum(axis=1) - histogram
    # What lies below the last grey level that occurs.
    step = np.where(histogram > 0, below, 0).max(axis=1, keepdims=True) // 255
    table = np.minimum((below + step // 2) // np.maximum(step, 1), 255)
    return np.where(step == 0, _levels(image), table).astype(np.uint8)


def _split(image: Image) -> Array:
    """(C, H, W): one array takes a quarter less time than the three of cv2.split."""
    if image.ndim == 2:
        return image[None].copy()
    planes = np.empty((3, *image.shape[:2]), dtype=image.dtype)
    cv2.split(image, tuple(planes))
    return planes


def _merged(planes: Array) -> Image:
    """(H, W[, 3]), the inverse of :func:`_split`."""
    return cast(Image, cv2.merge(tuple(planes)))


def _levels(image: Image) -> Array:
    """All values that a pixel may have, int64."""
    return np.arange(np.iinfo(image.dtype).max + 1)


def _mapped(image: Image, table: Array, out: Image | None = None) -> Image:
    """Replace each value by the table's; OpenCV's types leave the dtype open."""
    table = table.astype(image.dtype, copy=False)
    if image.dtype == np.uint8:
        return cast(Image, cv2.LUT(image, table, dst=out))
    return np.take(table, image, out=out)


# Added before addWeighted rounds, so that it truncates; the small part keeps whole
# numbers whole. Neighbouring results of one factor lie at least 0.01 apart.
_TRUNCATE = -0.5 + 1e-3


def blend(
    degenerate: Image, image: Image, factor: float, image32: Array | None = None
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


def blend_table(degenerate: int, factor: float, levels: Array) -> Array:
    """Return :func:`blend` of all grey levels with one, int64 of the same size."""
    blended = degenerate + np.float32(factor) * (levels.astype(np.float32) - degenerate)
    return np.clip(blended, 0, levels[-1]).astype(np.int64)


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


_LOW, _HIGH = np.indices((256, 256), dtype=np.uint8)
_SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], dtype=np.float32) / 13
_NEIGHBOURS = np.ones((5, 5), dtype=np.float32) / 16
_NEIGHBOURS[1:4, 1:4] = 0
# filter2D rounds to the nearest, halves to even. Sums are multiples of 1/13 or 1/16, so
# a smaller nudge decides only what the reference decides otherwise.
_HALVES_UP = 0.02
_DOWN = -0.5 + 0.02


def smooth(image: Image) -> Image:
    """3x3 smoothing, one pixel of border as it was (``ImageFilter.SMOOTH``)."""
    return _filtered(image, _SMOOTH, _HALVES_UP)


def blur(image: Image) -> Image:
    """Mean of a 5x5 ring, two pixels of border as they were (``ImageFilter.BLUR``)."""
    return _filtered(image, _NEIGHBOURS, _HALVES_UP)


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
