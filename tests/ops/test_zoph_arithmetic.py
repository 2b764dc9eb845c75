"""float32 arithmetic of Zoph et al. that decides single pixels, restated in NumPy.

The restatements give what TensorFlow 2.15 gives, image by image.
"""

import numpy as np
import pytest

from ddas_mm.ops import apply_op

F = np.float32
NO_BOXES = np.zeros((0, 4), np.float32)


class Positive:
    """A generator that draws the positive sign."""

    def random(self):
        return 0.75


def noise(height, width):
    shape = height, width, 3
    return np.random.default_rng(height * width).integers(0, 256, shape, np.uint8)


def rotated(image, degrees):
    height, width = image.shape[:2]
    angle = F(degrees * (np.pi / 180))
    cosine, sine = np.cos(angle), np.sin(angle)
    right, bottom = F(width - 1), F(height - 1)
    x, y = np.arange(width, dtype=F)[None], np.arange(height, dtype=F)[:, None]
    x_in = (cosine * x - sine * y) + (right - (cosine * right - sine * bottom)) / F(2)
    y_in = (sine * x + cosine * y) + (bottom - (sine * right + cosine * bottom)) / F(2)
    column, row = (
        np.trunc(v.astype(float) + np.copysign(0.5, v)).astype(int)
        for v in (x_in, y_in)
    )
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    out = np.full_like(image, 128)
    out[inside] = image[row[inside], column[inside]]
    return out


@pytest.mark.parametrize('size', [(1, 7), (31, 47), (57, 81), (64, 64)])
@pytest.mark.parametrize('level', [4, 10, 20, 30])  # 30 and 60 degrees tie
def test_rotation_breaks_ties_as_the_reference(size, level):
    image = noise(*size)
    out, _ = apply_op('detection', 'Rotate_BBox', level, image, NO_BOXES, Positive())
    np.testing.assert_array_equal(out, rotated(image, 3.0 * level))


@pytest.mark.parametrize('level', [2, 6, 8])
def test_grey_of_color_is_truncated_as_by_the_reference(level):
    image = noise(300, 400)
    factor = F(1.8 * level / 10 + 0.1)
    scaled = image.astype(F) * F(1 / 255)
    red, green, blue = (
        scaled[..., i] * F(w) for i, w in enumerate((0.2989, 0.587, 0.114))
    )
    grey = ((red + green + blue) * F(255.5)).astype(np.uint8).astype(F)[..., None]
    expected = np.clip(grey + factor * (image.astype(F) - grey), 0, 255)
    for order, step in (('rgb', 1), ('bgr', -1)):
        arguments = level, np.ascontiguousarray(image[..., ::step]), NO_BOXES
        out, _ = apply_op(
            'detection', 'Color', *arguments, Positive(), channel_order=order
        )
        np.testing.assert_array_equal(out[..., ::step], expected.astype(np.uint8))
