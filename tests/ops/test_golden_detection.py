"""Each case that Zoph et al.'s code produced, replayed draw by draw."""

import numpy as np
import pytest

from ddas_mm.ops import apply_op, get_op

_ROTATE_PIXELS = 1e-3  # share of pixels: float32 summation order moves a tie
# Boxes. The reference truncates once (translate) or twice (shear: the corner, then the
# moved corner), each time by less than a pixel; rotation about (W/2, H/2) instead of
# the image's own pivot adds to that. test_shear_boxes_* shows that it is all of it.
_BOX_PIXELS = {'Translate': 1, 'Shear': 2, 'Rotate': 2}


def _replay(case, arrays, scripted):
    draws = []
    for draw in case['random']:
        value = draw.get('value', draw.get('perm'))
        if draw['kind'] == 'int':
            value = draw['low'], draw['high_exclusive'], value
        draws.append((draw['kind'], value))
    rng = scripted(draws)
    constants = dict(case['all_hparams'][case['hparams']])
    del constants['cutout_bbox_replace_with_mean']  # False in all cases
    level = case['level'] if get_op('detection', case['op']).takes_level else None
    result = apply_op(
        'detection',
        case['op'],
        level,
        arrays['detection'][case['image']],
        np.array(case['boxes_in_xyxy'], np.float32),
        rng,
        channel_order='rgb',
        fill=case['replace'],
        **constants,
    )
    assert not rng.draws, 'draws left over'
    return result


def test_image(detection_case, golden_arrays, scripted):
    case = detection_case
    if case['op'] == 'Contrast':
        pytest.skip('the reference does not blend with the mean grey; see test_pillow')
    image, _ = _replay(case, golden_arrays, scripted)
    expected = golden_arrays['detection'][case['output']]
    difference = np.abs(image.astype(int) - expected).max(axis=-1)
    if case['op'] == 'Sharpness':
        assert difference.max() <= 1
    elif case['op'] == 'Rotate_BBox':
        assert (difference > 0).mean() <= _ROTATE_PIXELS
    else:
        np.testing.assert_array_equal(image, expected)


def test_boxes(detection_case, golden_arrays, scripted):
    case = detection_case
    _, boxes = _replay(case, golden_arrays, scripted)
    expected = np.array(case['boxes_out_xyxy'])
    moving = next((kind for kind in _BOX_PIXELS if kind in case['op']), None)
    if moving is None or 'Only' in case['op']:
        np.testing.assert_allclose(boxes, expected, atol=1e-3)
        return
    # Boxes outside of the image are lines here, slivers of 5 % in the reference.
    left = (boxes[:, 2] == boxes[:, 0]) | (boxes[:, 3] == boxes[:, 1])
    assert np.abs(boxes - expected)[~left].max(initial=0) <= _BOX_PIXELS[moving]
    _assert_slivers(boxes[left], expected[left], case['height'], case['width'])


def _assert_slivers(boxes, expected, height, width):
    limits = np.array([width, height, width, height])
    sides = (expected / limits)[:, 2:] - (expected / limits)[:, :2]
    # Where our box has no area, theirs has 5 % of the side, or what truncation left.
    ours = boxes[:, 2:] - boxes[:, :2]
    theirs = sides * (width, height)
    thin = np.isclose(sides, 0.05, atol=1e-5) | (theirs <= 2)
    assert np.all(thin[ours == 0])


@pytest.mark.parametrize('axis', [0, 1], ids=['ShearX', 'ShearY'])
def test_shear_boxes_differ_only_by_the_references_truncation(axis, golden_json):
    """The golden boxes follow from untruncated corners by the reference's int()s."""
    name = ('ShearX_BBox', 'ShearY_BBox')[axis]
    cases = [c for c in golden_json('detection_ops')['cases'] if c['op'] == name]
    assert cases
    for case in cases:
        size = np.array([case['width'], case['height']])
        for box, expected in zip(
            case['boxes_in_norm_yxyx_f32'], case['boxes_out_xyxy'], strict=True
        ):
            y0, x0, y1, x1 = np.trunc(
                np.float32(box) * np.float32([size[1], size[0]] * 2)
            )
            corners = np.array([(x, y) for x in (x0, x1) for y in (y0, y1)])
            corners[:, axis] = np.trunc(
                corners[:, axis] - case['args'][0] * corners[:, 1 - axis]
            )
            hull = np.clip([corners.min(0), corners.max(0)], 0, size)
            if np.all(hull[1] > hull[0]):
                np.testing.assert_allclose(hull.ravel(), expected, atol=1e-3)
