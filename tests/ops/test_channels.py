"""Images that are not three bytes to the pixel: other channels, sixteen bits."""

import numpy as np
import pytest

from ddas_mm.ops import TABLES, apply_op

DETECTION = sorted(TABLES['detection'])
BOXES = np.float32([[4, 3, 20, 17], [12, 9, 30, 24]])
# Without a counterpart in 16 bits: one histogram of bytes, two filters of bytes.
BYTES_ONLY = {'Color', 'Equalize', 'Equalize_Only_BBoxes', 'Sharpness'}


def photo(seed=0, height=27, width=34):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 230, (height // 8 + 2, width // 8 + 2))
    smooth = np.kron(coarse, np.ones((8, 8)))[:height, :width]
    return (smooth + rng.integers(-15, 15, (height, width))).astype(np.uint8)


def applied(name, image, level=6, table='detection', **constants):
    takes = TABLES[table][name].takes_level
    rng = np.random.default_rng(5)
    given = image.copy()
    moved, _ = apply_op(
        table, name, level if takes else None, image, BOXES, rng, **constants
    )
    np.testing.assert_array_equal(image, given)
    assert moved.shape == image.shape
    assert moved.dtype == image.dtype
    return moved


@pytest.mark.parametrize('name', DETECTION)
@pytest.mark.parametrize('level', [2, 6])
def test_one_channel_is_what_three_equal_ones_are(name, level):
    grey = photo()[..., None]
    three = applied(name, np.repeat(grey, 3, axis=2), level)
    np.testing.assert_array_equal(three, np.repeat(applied(name, grey, level), 3, 2))


@pytest.mark.parametrize('name', sorted(TABLES['classification']))
def test_one_channel_is_what_three_equal_ones_are_in_classification(name):
    grey = photo()[..., None]
    kind = dict(table='classification', level=3, fill=7, cutout_fill=9)
    three = applied(name, np.repeat(grey, 3, axis=2), **kind)
    np.testing.assert_array_equal(three, np.repeat(applied(name, grey, **kind), 3, 2))


@pytest.mark.parametrize('name', DETECTION)
@pytest.mark.parametrize('channels', [2, 4, 7])
def test_other_numbers_of_channels_are_changed_one_by_one(name, channels):
    planes = [photo(seed)[..., None] for seed in range(channels)]
    expected = np.dstack([applied(name, plane) for plane in planes])
    np.testing.assert_array_equal(applied(name, np.dstack(planes)), expected)


def widened(image):
    return image.astype(np.uint16) * 257


@pytest.mark.parametrize('channels', [1, 3, 4])
@pytest.mark.parametrize('name', sorted(set(DETECTION) - BYTES_ONLY))
def test_sixteen_bits_are_changed_as_their_bytes(name, channels):
    image = np.dstack([photo(seed) for seed in range(channels)])
    wide, bytes_ = applied(name, widened(image)), applied(name, image)
    if name in {'Brightness', 'Contrast', 'AutoContrast'}:
        # Rounded down once per 257: the byte's own rounding is at most one step.
        assert np.abs(wide / 257 - bytes_ - 0.5).max() <= 1
    elif name == 'Posterize':
        np.testing.assert_array_equal(wide, bytes_.astype(np.uint16) << 8)
    else:
        np.testing.assert_array_equal(wide, widened(bytes_))


@pytest.mark.parametrize('name', sorted(BYTES_ONLY))
def test_what_sixteen_bits_do_not_have_is_refused_by_name(name):
    with pytest.raises(ValueError, match=r'is not defined for uint16'):
        applied(name, widened(np.dstack([photo()] * 3)))
