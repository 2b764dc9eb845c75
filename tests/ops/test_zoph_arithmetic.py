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


@pytest.mark.parametrize('level', [0, 4, 8])
def test_smooth_image_of_sharpness_is_truncated(level):
    image = noise(40, 50)
    sums = 4 * image[1:-1, 1:-1].astype(int)  # five times the middle, in all
    for i in range(3):
        for j in range(3):
            sums += image[i : i + 38, j : j + 48]
    smooth = image.copy()  # its border is the image's own
    smooth[1:-1, 1:-1] = sums // 13
    low, factor = smooth.astype(F), F(1.8 * level / 10 + 0.1)
    expected = np.clip(low + factor * (image.astype(F) - low), 0, 255)
    out, _ = apply_op('detection', 'Sharpness', level, image, NO_BOXES, Positive())
    np.testing.assert_array_equal(out, expected.astype(np.uint8))


@pytest.mark.parametrize(('level', 'added'), [(2, 22), (10, 110), (14, 154)])
def test_solarize_add_stops_at_white(level, added):
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    out, _ = apply_op('detection', 'SolarizeAdd', level, image, NO_BOXES, Positive())
    expected = [min(v + added, 255) if v < 128 else v for v in range(256)]
    assert out[..., 0].ravel().tolist() == expected
