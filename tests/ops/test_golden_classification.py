"""Each case that Pillow produced with the arguments of DDAS."""

import numpy as np
import pytest

from ddas_mm.ops import apply_op, get_op


def test_image(classification_case, golden_arrays, scripted):
    case = classification_case
    if case['variant'] == 'tf_randaugment':
        pytest.skip('the other direction of Posterize and Solarize; not our table')
    if case['op'] == 'Posterize' and case['level'] >= 10:
        pytest.skip('a black image; we keep one bit')
    arrays = golden_arrays['classification']
    image = arrays[case['image']]
    draws = []
    if case['sign'] is not None:
        draws.append(('float01', 0.9 if case['sign'] > 0 else 0.1))
    if case['random'] is not None:
        row, column = case['random']['center_yx']
        draws.append(('int', (0, image.shape[0], row)))
        draws.append(('int', (0, image.shape[1], column)))
    rng = scripted(draws)
    constants = {}
    if case['fill'] == '125_122_113':
        constants['cutout_fill'] = (125, 122, 113)
    elif case['fill'] is not None:
        constants['fill'] = int(case['fill'])
    level = case['level'] if get_op('classification', case['op']).takes_level else None
    result, boxes = apply_op(
        'classification',
        case['op'],
        level,
        image,
        np.zeros((0, 4), np.float32),
        rng,
        channel_order='rgb',
        reference_side=None,  # the cases' levels are absolute pixels
        **constants,
    )
    assert not rng.draws
    assert boxes.shape == (0, 4)
    # No budget needed: fixed-point geometry, blends and filters are Pillow's own.
    np.testing.assert_array_equal(result, arrays[case['output']])
