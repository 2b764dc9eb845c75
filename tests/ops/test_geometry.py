"""Geometry against corners warped in float64, and pixels, boxes, masks in step."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ddas_mm.ops import Sample, apply_op, apply_to_sample, get_op, resolve_constants
from ddas_mm.ops.geometry import rectangle_corners, smallest_rectangles

_CONST = {'detection': resolve_constants('detection')}
_CONST['classification'] = resolve_constants('classification', reference_side=None)


def _expected_points(name, argument, points, height, width):
    """Move points the way the paper of each reference says it in words.

    Shears hold the image's first row or column still: Pillow its edge, Zoph et al. the
    middle of its first pixel.
    """
    x, y = points[:, 0], points[:, 1]
    corner = 0.5 if name.endswith('_BBox') else 0.0
    kind = name.removesuffix('_BBox')
    if kind == 'Rotate90':
        kind, argument = 'Rotate', 90
    if kind == 'Rotate':
        # Complex numbers with y up: counter-clockwise is a positive angle.
        z = (x - width / 2) + 1j * (height / 2 - y)
        z = z * np.exp(1j * np.deg2rad(argument))
        return np.stack([z.real + width / 2, height / 2 - z.imag], axis=1)
    return np.stack(
        {
            'ShearX': lambda: (x - argument * (y - corner), y),
            'ShearY': lambda: (x, y - argument * (x - corner)),
            'TranslateX': lambda: (x - argument, y),
            'TranslateY': lambda: (x, y - argument),
            'FlipLR': lambda: (width - x, y),
            'FlipUD': lambda: (x, height - y),
        }[kind](),
        axis=1,
    )


# Change of the argument per level.
_SIGNED = {
    'detection': {
        'Rotate_BBox': 3.0,
        'ShearX_BBox': 0.03,
        'ShearY_BBox': 0.03,
        'TranslateX_BBox': 25.0,
        'TranslateY_BBox': 25.0,
    },
    'classification': {
        'Rotate': 3.0,
        'ShearX': 0.03,
        'ShearY': 0.03,
        'TranslateX': 1.0,
        'TranslateY': 1.0,
    },
}
_UNSIGNED = {
    'detection': ['Rotate90_BBox', 'FlipLR_BBox', 'FlipUD_BBox'],
    'classification': ['Rotate90', 'FlipLR', 'FlipUD'],
}
_ROWS = [(table, name) for table, rows in _SIGNED.items() for name in rows]
_ROWS += [(table, name) for table, rows in _UNSIGNED.items() for name in rows]
_EVERY_ROW = pytest.mark.parametrize(('table', 'name'), _ROWS)


def _draw(table, name, level, positive, scripted):
    if name in _UNSIGNED[table]:
        return None, None, scripted()
    argument = _SIGNED[table][name] * level * (1 if positive else -1)
    return level, argument, scripted([('float01', 0.5 if positive else 0.49)])


class _Script:
    def __init__(self, draws=()):
        self.draws = [value for _, value in draws]

    def random(self):
        return self.draws.pop(0)


@_EVERY_ROW
@settings(max_examples=40)
@given(
    height=st.integers(1, 700),
    width=st.integers(1, 700),
    level=st.integers(0, 30),
    positive=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_boxes_are_hulls_of_moved_corners(
    table, name, height, width, level, positive, seed
):
    rng = np.random.default_rng(seed)
    corners = rng.random((7, 2, 2)) * (width, height)
    corners[0] = (0, 0), (width, height)
    boxes = np.concatenate([corners.min(1), corners.max(1)], axis=1).astype(np.float32)
    level, argument, script = _draw(table, name, level, positive, _Script)
    # A strip instead of the image keeps this fast: pixels are not looked at here.
    sample = Sample(np.zeros((height, width, 3), np.uint8), boxes)
    result = apply_to_sample(get_op(table, name), level, sample, script, _CONST[table])
    for box, moved in zip(boxes.astype(np.float64), result.boxes, strict=True):
        x1, y1, x2, y2 = box
        points = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)])
        points = _expected_points(name, argument, points, height, width)
        points = np.clip(points, 0, (width, height))
        expected = [*points.min(axis=0), *points.max(axis=0)]
        np.testing.assert_allclose(moved, expected, atol=2e-3)


@_EVERY_ROW
@pytest.mark.parametrize('size', [(48, 64), (57, 81), (81, 57), (40, 40)], ids=str)
def test_pixels_go_where_the_boxes_go(table, name, size, scripted, sign_draw):
    """Follow each pixel by its own colour: it lies within half a pixel of its point."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    image = np.stack([x, y, np.full_like(x, 200)], axis=-1).astype(np.uint8)
    level, argument, script = _draw(table, name, 2, sign_draw >= 0.5, scripted)
    boxes = np.zeros((0, 4), np.float32)
    constants = {'reference_side': None}
    if table == 'detection':
        constants = {'translate_const': 50}  # 250 would leave nothing to look at
        if 'Translate' in name:
            argument /= 5
    out, _ = apply_op(table, name, level, image, boxes, script, fill=0, **constants)
    seen = out[..., 2] == 200
    sources = out[seen][:, :2] + 0.5  # the middle of the pixel that was copied
    points = _expected_points(name, argument, sources, height, width)
    targets = np.stack(np.nonzero(seen)[::-1], axis=1) + 0.5
    # Half a pixel each way before the map, which shears and rotations lengthen.
    assert np.abs(points - targets).max() <= 0.5 * np.sqrt(2) + 0.1
    # What is not seen comes from outside, give or take that half pixel.
    inside = _expected_points(
        name,
        None if argument is None else -argument,
        np.stack(np.nonzero(~seen)[::-1], axis=1) + 0.5,
        height,
        width,
    )
    if argument is not None and not name.startswith('Shear'):
        margin = np.array([0.6, 0.6])
        within = (inside > margin) & (inside < np.array([width, height]) - margin)
        assert not within.all(axis=1).any()


@_EVERY_ROW
@pytest.mark.parametrize('level', [2, 6, 8])
def test_masks_and_map_follow_their_boxes(table, name, level, scripted, sign_draw):
    height, width = 90, 120
    box = np.float32([[30, 20, 75, 60]])
    bitmap = np.zeros((1, height, width), np.uint8)
    bitmap[0, 20:60, 30:75] = 1
    polygon = [[np.array([30.0, 20, 75, 20, 75, 60, 30, 60])]]
    seg_map = np.where(bitmap[0] == 1, 3, 9)
    image = np.repeat(bitmap[0][..., None], 3, axis=2) * 200
    results = []
    for masks in (bitmap, polygon):
        level_or_none, _, script = _draw(table, name, level, sign_draw >= 0.5, scripted)
        constants = resolve_constants(
            table,
            seg_fill=77,
            fill=0,
            **({'translate_const': 60} if table == 'detection' else {}),
        )
        results.append(
            apply_to_sample(
                get_op(table, name),
                level_or_none,
                Sample(image, box, masks, seg_map),
                script,
                constants,
            )
        )
    bitmaps, polygons = results
    # The same pixels in all four: image, mask, map and (up to edge pixels) polygon.
    np.testing.assert_array_equal(bitmaps.image[..., 0] == 200, bitmaps.masks[0] == 1)
    np.testing.assert_array_equal(bitmaps.seg_map == 3, bitmaps.masks[0] == 1)
    assert set(np.unique(bitmaps.seg_map)) <= {3, 9, 77}
    points = polygons.masks[0][0].reshape(-1, 2)
    area = 0.5 * abs(
        np.dot(points[:, 0], np.roll(points[:, 1], 1))
        - np.dot(points[:, 1], np.roll(points[:, 0], 1))
    )
    np.testing.assert_allclose(bitmaps.masks.sum(), area, rtol=0.06)
    # The boxes of both forms of mask agree with the box, which is a hull of a clipped
    # hull: never smaller, and larger only where a corner was cut off.
    moved = bitmaps.boxes[0]
    np.testing.assert_array_equal(moved, polygons.boxes[0])
    rows, columns = np.nonzero(bitmaps.masks[0])
    from_bitmap = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    from_polygon = [*points.min(axis=0), *points.max(axis=0)]
    np.testing.assert_allclose(from_bitmap, from_polygon, atol=1.01)
    np.testing.assert_allclose(from_polygon[:2] >= moved[:2] - 1e-3, True)
    np.testing.assert_allclose(from_polygon[2:] <= moved[2:] + 1e-3, True)
    inside = (moved[:2] > 0).all() and (moved[2:] < (width, height)).all()
    if inside:
        np.testing.assert_allclose(from_polygon, moved, atol=1e-3)


@pytest.mark.parametrize(
    ('table', 'name'), [('detection', 'Rotate90_BBox'), ('classification', 'Rotate90')]
)
def test_rotate90_of_squares_is_rot90(table, name, photo):
    image = photo(31, 31)
    boxes = np.float32([[1, 2, 10, 20]])
    out, moved = apply_op(table, name, None, image, boxes, None)
    np.testing.assert_array_equal(out, np.rot90(image))
    np.testing.assert_array_equal(moved, [[2, 21, 20, 30]])


@pytest.mark.parametrize('size', [(20, 32), (32, 20), (21, 32), (32, 21)], ids=str)
def test_rotate90_keeps_the_canvas(size, photo):
    image = photo(*size)
    out, _ = apply_op('detection', 'Rotate90_BBox', None, image, np.zeros((0, 4)), None)
    turned = Image.fromarray(image).rotate(90, fillcolor=(128, 128, 128))
    np.testing.assert_array_equal(out, np.asarray(turned))
    assert (out == 128).all(axis=-1).any()


def test_boxes_that_leave_become_lines_on_the_border():
    image = np.zeros((100, 200, 3), np.uint8)
    boxes = np.float32([[10, 20, 60, 70], [150, 10, 190, 90]])
    polygons = [[np.array([10.0, 20, 60, 20, 60, 70])]] * 2
    script = _Script([('float01', 0.9)])
    out = apply_to_sample(
        get_op('detection', 'TranslateX_BBox'),
        4,  # 100 pixels to the left
        Sample(image, boxes, polygons),
        script,
        _CONST['detection'],
    )
    np.testing.assert_array_equal(out.boxes, [[0, 20, 0, 70], [50, 10, 90, 90]])
    assert len(out.masks) == 2
    assert [len(polygons) for polygons in out.masks] == [1, 1]
    np.testing.assert_array_equal(out.masks[0][0][::2], 0)


@pytest.mark.parametrize(
    ('name', 'draw', 'turned'),
    [
        ('TranslateX_BBox', 0.9, lambda x, y: (x, y)),  # to the left
        ('TranslateX_BBox', 0.1, lambda x, y: (100 - x, y)),
        ('TranslateY_BBox', 0.9, lambda x, y: (y, x)),
        ('TranslateY_BBox', 0.1, lambda x, y: (y, 100 - x)),
    ],
)
def test_polygons_are_cut_not_squeezed(name, draw, turned):
    """A square on its corner keeps the slope of its sides on every border."""
    image = np.zeros((100, 100, 3), np.uint8)
    square = [[np.array([10.0, 50, 50, 10, 90, 50, 50, 90])]]
    out = apply_to_sample(
        get_op('detection', name),
        1,
        Sample(image, np.float32([[10, 10, 90, 90]]), square),
        _Script([('float01', draw)]),
        resolve_constants('detection', translate_const=300),  # 30 pixels
    )
    left = [(0, 30), (20, 10), (60, 50), (20, 90), (0, 70)]
    points = {tuple(np.round(p, 6)) for p in out.masks[0][0].reshape(-1, 2)}
    assert points == {turned(*point) for point in left}
    corners = np.sort([turned(0, 10), turned(60, 90)], axis=0)
    np.testing.assert_array_equal(out.boxes, [corners.ravel()])


def test_colour_fill_is_given_in_rgb():
    image = np.full((4, 8, 3), 50, np.uint8)
    out, _ = apply_op(
        'detection',
        'TranslateX_BBox',
        10,
        image,
        np.zeros((0, 4)),
        _Script([('float01', 0.9)]),
        translate_const=2,
        fill=(1, 2, 3),
    )
    np.testing.assert_array_equal(out[0, -1], [3, 2, 1])  # BGR, as mm loads images
    np.testing.assert_array_equal(out[0, 0], [50, 50, 50])


def test_smallest_rectangle_undoes_rectangle_corners():
    rng = np.random.default_rng(0)
    rectangles = rng.uniform([0, 0, 1, 1, -1.5], [99, 99, 60, 40, 1.5], (50, 5))
    found = smallest_rectangles(rectangle_corners(rectangles))
    np.testing.assert_allclose(found, rectangles, atol=1e-9)


def test_smallest_rectangle_around_a_parallelogram_is_opencvs():
    rng = np.random.default_rng(1)
    for _ in range(50):
        start, one, other = rng.uniform(-40, 40, (3, 2))
        corners = np.array([start, start + one, start + one + other, start + other])
        (x, y), (width, height), _ = cv2.minAreaRect(corners.astype(np.float32))
        found = smallest_rectangles(corners[None])[0]
        np.testing.assert_allclose(found[:2], (x, y), atol=1e-3)
        np.testing.assert_allclose(found[2] * found[3], width * height, rtol=1e-4)
