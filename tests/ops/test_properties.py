"""What holds for every operation, level, image size and number of boxes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddas_mm.ops import TABLES, Sample, apply_op, apply_to_sample, resolve_constants

_OPS = [(table, name) for table, rows in TABLES.items() for name in rows]
_EVERY_OP = pytest.mark.parametrize(
    ('table', 'name'), _OPS, ids=[f'{table}-{name}' for table, name in _OPS]
)


@st.composite
def scenes(draw):
    """Draw an image with boxes of all kinds; content comes from a drawn seed."""
    height = draw(st.integers(1, 40))
    width = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (height, width, 3)
    image = {
        'noise': lambda: rng.integers(0, 256, shape, dtype=np.uint8),
        'flat': lambda: np.full(shape, rng.integers(0, 256, 3), dtype=np.uint8),
        'dark': lambda: rng.integers(0, 3, shape, dtype=np.uint8),
    }[draw(st.sampled_from(['noise', 'flat', 'dark']))]()
    number = draw(st.sampled_from([0, 1, 2, 3, 10, 100]))
    size = np.array([width, height] * 2, dtype=np.float32)
    corners = rng.random((number, 2, 2))
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1) * size
    kinds = rng.integers(0, 6, number)
    boxes[kinds == 1] = size * (0, 0, 1, 1)
    boxes[kinds == 2, 2:] = boxes[kinds == 2, :2] + 1e-3  # tiny
    boxes[kinds == 3, 2:] = boxes[kinds == 3, :2]  # no area
    boxes[kinds == 4] = np.rint(boxes[kinds == 4])
    boxes[kinds == 5, :2] = boxes[kinds == 5, 2:] = size[2:]  # in the far corner
    return image, np.clip(boxes, 0, size).astype(np.float32)


@_EVERY_OP
@settings(max_examples=60)
@given(
    scene=scenes(),
    level=st.one_of(st.integers(0, 30), st.floats(0, 30)),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_scene_and_level(table, name, scene, level, seed):
    image, boxes = scene
    height, width = image.shape[:2]
    before = image.copy(), boxes.copy()
    image.flags.writeable = boxes.flags.writeable = False
    level = level if TABLES[table][name].takes_level else None
    results = [
        apply_op(table, name, level, image, boxes, np.random.default_rng(seed))
        for _ in range(2)
    ]
    (out, out_boxes), again = results
    assert out.dtype == np.uint8
    assert out.shape == image.shape
    assert out_boxes.dtype == np.float32
    assert out_boxes.shape == boxes.shape
    assert np.isfinite(out_boxes).all()
    assert (out_boxes >= 0).all()
    assert (out_boxes <= np.float32([width, height] * 2)).all()
    assert (out_boxes[:, 2:] >= out_boxes[:, :2]).all()
    if not TABLES[table][name].moves_boxes:
        np.testing.assert_array_equal(out_boxes, boxes)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(boxes, before[1])
    np.testing.assert_array_equal(out, again[0])
    np.testing.assert_array_equal(out_boxes, again[1])


@_EVERY_OP
def test_views_give_the_same_as_arrays(table, name, photo):
    """Mirrored and cropped images of other transforms are strided views."""
    boxes = np.float32([[2, 3, 20, 30], [10, 5, 39, 18]])
    level = 7 if TABLES[table][name].takes_level else None
    whole = photo(50, 70)
    for view in (whole[:, ::-1], whole[5:45, 7:60], whole[..., ::-1]):
        results = [
            apply_op(table, name, level, image, boxes, np.random.default_rng(3))[0]
            for image in (view, np.ascontiguousarray(view))
        ]
        np.testing.assert_array_equal(*results)


@_EVERY_OP
def test_the_image_does_not_depend_on_what_else_the_sample_holds(table, name, photo):
    constants = resolve_constants(table)
    spec = TABLES[table][name]
    level = 7 if spec.takes_level else None
    image, boxes = photo(50, 70), np.float32([[2, 3, 20, 30], [10, 5, 39, 18]])
    bitmaps = np.zeros((2, 50, 70), np.uint8)
    bitmaps[0, 5:20, 4:15] = bitmaps[1, 6:12, 15:30] = 1
    polygons = [[np.array([4.0, 5, 15, 5, 15, 20, 4, 20])]] * 2
    seg_map = np.random.default_rng(0).integers(0, 80, (50, 70))
    plain = apply_to_sample(
        spec, level, Sample(image, boxes), np.random.default_rng(5), constants
    )
    for masks in (bitmaps, polygons):
        kept = [np.copy(mask) for mask in masks], seg_map.copy()
        full = apply_to_sample(
            spec,
            level,
            Sample(image, boxes, masks, seg_map),
            np.random.default_rng(5),
            constants,
        )
        np.testing.assert_array_equal(full.image, plain.image)
        np.testing.assert_array_equal(full.boxes, plain.boxes)
        assert len(full.masks) == 2
        assert full.seg_map.shape == seg_map.shape
        assert full.seg_map.dtype == seg_map.dtype
        # ... and nothing of the input was written to.
        np.testing.assert_array_equal(seg_map, kept[1])
        for mask, before in zip(masks, kept[0], strict=True):
            np.testing.assert_array_equal(mask, before)


@pytest.mark.parametrize('table', TABLES)
@pytest.mark.parametrize('name', ['Shear', 'Translate', 'Rotate'])
def test_level_0_of_geometry_is_identity(table, name, photo):
    image, boxes = photo(30, 41), np.float32([[3.25, 2.5, 20.75, 29]])
    whole = [
        op for op, spec in TABLES[table].items() if op.startswith(name) and spec.signed
    ]
    assert whole
    for op in whole:
        out, out_boxes = apply_op(table, op, 0, image, boxes, np.random.default_rng(1))
        np.testing.assert_array_equal(out, image)
        np.testing.assert_allclose(out_boxes, boxes, atol=1e-5)


@pytest.mark.parametrize('table', TABLES)
@pytest.mark.parametrize('name', ['Color', 'Contrast', 'Brightness', 'Sharpness'])
def test_level_5_of_the_enhance_family_is_identity(table, name, photo):
    image = photo(30, 41)
    boxes = np.zeros((0, 4), np.float32)
    out, _ = apply_op(table, name, 5, image, boxes, np.random.default_rng(1))
    np.testing.assert_array_equal(out, image)


def test_signs_are_balanced(photo):
    image, boxes = photo(4, 64), np.float32([[20, 0, 30, 4]])
    rng = np.random.default_rng(0)
    left = sum(
        apply_op('classification', 'TranslateX', 2, image, boxes, rng)[1][0, 0] < 20
        for _ in range(400)
    )
    assert 160 < left < 240  # four standard deviations


def test_wrong_arrays_are_refused_by_name():
    boxes = np.zeros((0, 4), np.float32)
    rng = np.random.default_rng(0)
    with pytest.raises(
        TypeError, match='image must be uint8 or uint16, but got float32'
    ):
        apply_op('detection', 'Invert', None, np.zeros((4, 4, 3), 'f4'), boxes, rng)
    with pytest.raises(ValueError, match=r'image must be \(H, W, C\)'):
        apply_op('detection', 'Invert', None, np.zeros((4, 4), 'u1'), boxes, rng)
    with pytest.raises(ValueError, match=r'image must be \(H, W, C\)'):
        apply_op('detection', 'Invert', None, np.zeros((0, 4, 3), 'u1'), boxes, rng)
    with pytest.raises(ValueError, match=r'boxes must be \(N, 4\)'):
        Sample(np.zeros((4, 4, 3), 'u1'), np.zeros((2, 5), 'f4'))
    with pytest.raises(ValueError, match='1 masks and 0 boxes'):
        Sample(np.zeros((4, 4, 3), 'u1'), boxes, np.zeros((1, 4, 4), 'u1'))
