"""Operations on the content of boxes; the goldens hold images, this the rest."""

import numpy as np
import pytest

from ddas_mm.ops import Sample, apply_op, apply_to_sample, get_op, resolve_constants

_BOXES = np.float32([[10, 3, 29, 32], [50, 20, 79, 49], [12, 5, 20, 15]])


def _draws(number, taken, sign=None):
    draws = [('float01', sign)] if sign is not None else []
    draws.append(('shuffle', list(range(number))))
    draws += [('float01', 0.99 if i in taken else 0.0) for i in range(number)]
    return draws


def _sample(masks, seg_map=None):
    image = np.random.default_rng(0).integers(0, 256, (60, 100, 3), dtype=np.uint8)
    return Sample(image, _BOXES, masks, seg_map)


def _bitmaps():
    masks = np.zeros((3, 60, 100), np.uint8)
    masks[0, 3:33, 10:20] = 1  # the left half of its box
    masks[1, 20:30, 50:80] = 1  # the upper third
    masks[2, 5:16, 12:21] = 1
    return masks


def _flip(sample, scripted, taken):
    return apply_to_sample(
        get_op('detection', 'Flip_Only_BBoxes'),
        None,
        sample,
        scripted(_draws(3, taken)),
        resolve_constants('detection'),
    )


def test_bitmap_masks_follow_their_own_box_only(scripted):
    masks = _bitmaps()
    out = _flip(_sample(masks), scripted, taken={0, 1})
    expected = masks.copy()
    expected[0, 3:33, 10:30] = masks[0, 3:33, 10:30][:, ::-1]
    np.testing.assert_array_equal(out.masks, expected)
    # The third instance lies in the first box, but its mask is not the first's.
    np.testing.assert_array_equal(out.masks[2], masks[2])


def test_polygon_masks_follow_their_own_box_only(scripted):
    polygons = [
        [np.array([10.0, 3, 20, 3, 20, 33, 10, 33])],
        [np.array([50.0, 20, 80, 20, 80, 30])],
        [np.array([12.0, 5, 21, 5, 21, 16]), np.array([13.0, 6, 14, 6, 14, 7])],
    ]
    out = _flip(_sample(polygons), scripted, taken={0})
    # Columns 10..29 are the crop (the last one counts): x becomes 40 - x.
    np.testing.assert_allclose(out.masks[0][0], [30, 3, 20, 3, 20, 33, 30, 33])
    for before, after in zip(polygons[1:], out.masks[1:], strict=True):
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one, other)


def test_segmentation_map_moves_with_the_pixels(scripted):
    seg_map = np.arange(6000).reshape(60, 100)
    out = _flip(_sample(None, seg_map), scripted, taken={1})
    expected = seg_map.copy()
    expected[20:50, 50:80] = expected[20:50, 50:80][:, ::-1]
    np.testing.assert_array_equal(out.seg_map, expected)


def test_what_moves_in_comes_from_outside(scripted):
    seg_map = np.zeros((60, 100), np.int64)
    masks = _bitmaps()
    out = apply_to_sample(
        get_op('detection', 'TranslateX_Only_BBoxes'),
        10,
        _sample(masks, seg_map),
        scripted(_draws(3, {0}, sign=0.9)),
        resolve_constants('detection', translate_bbox_const=5, seg_fill=99),
    )
    # 5 pixels to the left inside of columns 10..29.
    np.testing.assert_array_equal(out.image[3:33, 25:30], 128)
    np.testing.assert_array_equal(out.seg_map[3:33, 25:30], 99)
    np.testing.assert_array_equal(out.masks[0, 3:33, 10:15], 1)
    np.testing.assert_array_equal(out.masks[0, 3:33, 15:30], 0)
    assert (out.seg_map == 99).sum() == 150


@pytest.mark.parametrize('name', ['Solarize', 'Equalize', 'Cutout'])
def test_colour_leaves_masks_alone(name):
    masks = _bitmaps()
    sample = _sample(masks, np.zeros((60, 100), np.int64))
    spec = get_op('detection', f'{name}_Only_BBoxes')
    out = apply_to_sample(
        spec,
        6 if spec.takes_level else None,
        sample,
        np.random.default_rng(0),
        resolve_constants('detection'),
    )
    assert out.masks is masks
    assert out.seg_map is sample.seg_map


def test_overlapping_boxes_compound(scripted):
    """The same box twice: two flips are none."""
    image = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    boxes = np.float32([[3, 4, 20, 25]] * 2)
    script = scripted(_draws(2, {0, 1}))
    out, _ = apply_op('detection', 'Flip_Only_BBoxes', None, image, boxes, script)
    np.testing.assert_array_equal(out, image)


def test_each_box_is_taken_with_probability_one_third():
    image = np.zeros((40, 40, 3), np.uint8)
    image[:20, :10] = image[20:, 30:] = 255
    boxes = np.float32([[0, 0, 39, 19], [0, 20, 39, 39]])
    rng = np.random.default_rng(0)
    taken = np.zeros(2)
    for _ in range(900):
        out, _ = apply_op('detection', 'Flip_Only_BBoxes', None, image, boxes, rng)
        taken += [out[0, 0, 0] == 0, out[39, 0, 0] == 255]
    assert np.all(np.abs(taken / 900 - 1 / 3) < 0.06)  # four standard deviations


def test_boxes_are_taken_from_two_thirds_on(scripted):
    image = np.random.default_rng(0).integers(0, 256, (9, 20, 3), dtype=np.uint8)
    boxes = np.float32([[0, 0, 7, 8], [10, 0, 19, 8]])
    script = scripted([('shuffle', [1, 0]), ('float01', 0.667), ('float01', 0.666)])
    out, _ = apply_op('detection', 'Flip_Only_BBoxes', None, image, boxes, script)
    np.testing.assert_array_equal(out[:, :10], image[:, :10])
    np.testing.assert_array_equal(out[:, 10:], image[:, 10:][:, ::-1])


@pytest.mark.parametrize(
    'name', ['Rotate_Only_BBoxes', 'Cutout_Only_BBoxes', 'BBox_Cutout']
)
def test_no_boxes_leave_the_image_alone(name, photo):
    image = photo(20, 30)
    boxes = np.zeros((0, 4), np.float32)
    out, out_boxes = apply_op(
        'detection', name, 6, image, boxes, np.random.default_rng(0)
    )
    assert out is image
    assert out_boxes.shape == (0, 4)


def test_cutout_erases_no_annotation():
    sample = _sample(_bitmaps(), np.zeros((60, 100), np.int64))
    for table, name in [
        ('detection', 'Cutout'),
        ('detection', 'BBox_Cutout'),
        ('classification', 'Cutout'),
    ]:
        out = apply_to_sample(
            get_op(table, name),
            8,
            sample,
            np.random.default_rng(0),
            resolve_constants(table),
        )
        assert out.masks is sample.masks
        assert out.seg_map is sample.seg_map
        assert out.boxes is sample.boxes
        assert not np.array_equal(out.image, sample.image)


def test_classification_cutout_scales_with_the_shorter_side(scripted):
    image = np.zeros((64, 100, 3), np.uint8)
    script = scripted([('int', (0, 64, 32)), ('int', (0, 100, 50))])
    out, _ = apply_op('classification', 'Cutout', 7, image, np.zeros((0, 4)), script)
    # 14 pixels at a side of 32 are 28 at 64; the colour is given in RGB.
    expected = np.zeros_like(image)
    expected[32 - 14 : 32 + 14, 50 - 14 : 50 + 14] = (113, 122, 125)
    np.testing.assert_array_equal(out, expected)
