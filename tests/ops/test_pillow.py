"""The operations against the installed Pillow, on images the golden data lacks.

No budget: the arithmetic is Pillow's, down to how it breaks ties.
"""

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from ddas_mm.ops import apply_op

_AFFINE = Image.Transform.AFFINE
_SIZES = [(1, 1), (1, 7), (2, 3), (4, 4), (33, 32), (57, 81), (81, 57), (200, 333)]
_LEVELS = [0, 2, 5, 6, 7, 10, 14, 23, 30]
_NO_BOXES = np.zeros((0, 4), np.float32)


def _affine(matrix):
    return lambda image: image.transform(image.size, _AFFINE, matrix)


def _factor(level):
    return 0.18 * level + 0.1


_WITHOUT_LEVEL = {
    'Identity': lambda image: image,
    'AutoContrast': ImageOps.autocontrast,
    'Equalize': ImageOps.equalize,
    'Invert': ImageOps.invert,
    'Blur': lambda image: image.filter(ImageFilter.BLUR),
    'Smooth': lambda image: image.filter(ImageFilter.SMOOTH),
    'FlipLR': ImageOps.mirror,
    'FlipUD': ImageOps.flip,
    'Rotate90': lambda image: image.rotate(90),
}
_WITH_LEVEL = {
    'Posterize': lambda image, level: ImageOps.posterize(
        image, max(1, 4 - int(0.4 * level))
    ),
    'Solarize': lambda image, level: ImageOps.solarize(image, 256 - int(25.6 * level)),
    'Color': lambda image, level: ImageEnhance.Color(image).enhance(_factor(level)),
    'Contrast': lambda image, level: ImageEnhance.Contrast(image).enhance(
        _factor(level)
    ),
    'Brightness': lambda image, level: ImageEnhance.Brightness(image).enhance(
        _factor(level)
    ),
    'Sharpness': lambda image, level: ImageEnhance.Sharpness(image).enhance(
        _factor(level)
    ),
}
_SIGNED = {
    'Rotate': lambda image, level, sign: image.rotate(sign * int(3.0 * level)),
    'ShearX': lambda image, level, sign: _affine((1, sign * 0.03 * level, 0, 0, 1, 0))(
        image
    ),
    'ShearY': lambda image, level, sign: _affine((1, 0, 0, sign * 0.03 * level, 1, 0))(
        image
    ),
    'TranslateX': lambda image, level, sign: _affine((1, 0, sign * level, 0, 1, 0))(
        image
    ),
    'TranslateY': lambda image, level, sign: _affine((1, 0, 0, 0, 1, sign * level))(
        image
    ),
}


def _ours(name, level, image, rng=None, table='classification', **constants):
    constants.setdefault('channel_order', 'rgb')
    if table == 'classification':
        constants.setdefault('reference_side', None)
    return apply_op(table, name, level, image, _NO_BOXES, rng, **constants)[0]


@pytest.mark.parametrize('size', _SIZES, ids=str)
@pytest.mark.parametrize('name', _WITHOUT_LEVEL)
def test_without_level(name, size, photo):
    image = photo(*size)
    expected = np.asarray(_WITHOUT_LEVEL[name](Image.fromarray(image)))
    np.testing.assert_array_equal(_ours(name, None, image), expected)


@pytest.mark.parametrize('size', _SIZES, ids=str)
@pytest.mark.parametrize('name', _WITH_LEVEL)
def test_with_level(name, size, photo):
    image = photo(*size)
    for level in _LEVELS:
        expected = np.asarray(_WITH_LEVEL[name](Image.fromarray(image), level))
        result = _ours(name, level, image)
        np.testing.assert_array_equal(result, expected, err_msg=f'level {level}')


@pytest.mark.parametrize('size', _SIZES, ids=str)
@pytest.mark.parametrize('name', _SIGNED)
def test_signed(name, size, photo, scripted, sign_draw):
    image = photo(*size)
    sign = 1 if sign_draw >= 0.5 else -1
    for level in _LEVELS:
        result = _ours(name, level, image, scripted([('float01', sign_draw)]))
        expected = np.asarray(_SIGNED[name](Image.fromarray(image), level, sign))
        np.testing.assert_array_equal(result, expected, err_msg=f'level {level}')


@pytest.mark.parametrize('size', [(32, 32), (100, 64), (64, 224)], ids=str)
def test_translation_scales_with_the_side_along_it(size, photo, scripted):
    image = photo(*size)
    down, left = (6 * side / 32 for side in size)
    for name, matrix in (
        ('TranslateX', (1, 0, left, 0, 1, 0)),
        ('TranslateY', (1, 0, 0, 0, 1, down)),
    ):
        script = scripted([('float01', 0.9)])
        result = _ours(name, 6, image, script, reference_side=32)
        expected = _affine(matrix)(Image.fromarray(image))
        np.testing.assert_array_equal(result, np.asarray(expected))


@pytest.mark.parametrize('level', [4, 6, 8])
def test_detection_contrast_is_pillows(level, photo):
    image = photo(120, 160)
    expected = ImageEnhance.Contrast(Image.fromarray(image)).enhance(_factor(level))
    result = _ours('Contrast', level, image, table='detection')
    np.testing.assert_array_equal(result, np.asarray(expected))


@pytest.mark.parametrize('table', ['classification', 'detection'])
@pytest.mark.parametrize('name', ['Color', 'Contrast'])
def test_bgr_gives_the_same_colours_as_rgb(name, table, photo):
    image = photo(40, 60)
    rgb = _ours(name, 8, image, table=table, channel_order='rgb')
    bgr = _ours(name, 8, image[..., ::-1].copy(), table=table, channel_order='bgr')
    np.testing.assert_array_equal(bgr[..., ::-1], rgb)
    # The order matters: taken for the other one, the image comes out differently.
    swapped = _ours(name, 8, image, table=table, channel_order='bgr')
    assert not np.array_equal(swapped, rgb)


@pytest.mark.parametrize('name', ['Contrast', 'Color'])
def test_flat_images(name):
    for value in [(0, 0, 0), (255, 255, 255), (7, 200, 99)]:
        image = np.full((9, 9, 3), value, np.uint8)
        expected = _WITH_LEVEL[name](Image.fromarray(image), 14)
        np.testing.assert_array_equal(_ours(name, 14, image), np.asarray(expected))
