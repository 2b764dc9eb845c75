"""Settings of the tables."""

import json
import math
import pickle

import pytest

from ddas_mm.ops import resolve_constants


def test_defaults():
    detection = resolve_constants('detection').to_dict()
    assert detection == {
        'fill': 128,
        'cutout_fill': None,
        'seg_fill': 255,
        'channel_order': 'bgr',
        'translate_const': 250,
        'translate_bbox_const': 120,
        'cutout_const': 100,
        'cutout_bbox_const': 50,
        'cutout_max_pad_fraction': 0.75,
    }
    classification = resolve_constants('classification').to_dict()
    assert classification['fill'] == 0
    assert classification['reference_side'] == 32
    assert 'translate_const' not in classification


@pytest.mark.parametrize(
    ('table', 'settings'),
    [
        ('detection', {}),
        ('detection', {'fill': (1, 2, 3), 'translate_const': 40}),
        ('classification', {'reference_side': None, 'channel_order': 'rgb'}),
    ],
)
def test_round_trips(table, settings):
    constants = resolve_constants(table, **settings)
    assert pickle.loads(pickle.dumps(constants)) == constants
    stored = json.loads(json.dumps(constants.to_dict()))
    assert resolve_constants(table, **stored) == constants
    hash(constants)


@pytest.mark.parametrize(
    ('table', 'settings', 'message'),
    [
        ('detection', {'reference_side': 32}, "unknown key 'reference_side'"),
        ('classification', {'cutout_const': 9}, 'constants of table'),
        ('detektion', {}, "table must be one of .*'detektion'"),
        ('detection', {'channel_order': 'gbr'}, "constants.channel_order .*'gbr'"),
        ('detection', {'fill': 256}, 'constants.fill must be int <= 255, but is 256'),
        ('detection', {'fill': (1, 2)}, 'constants.fill must be list of length >= 3'),
        ('detection', {'fill': None}, 'constants.fill must be int .* but is None'),
        ('detection', {'cutout_fill': 0.5}, 'constants.cutout_fill must be int .*0.5'),
        ('detection', {'translate_const': -1}, 'translate_const must be int >= 0'),
        ('detection', {'cutout_const': 'x'}, "cutout_const must be int .*but is 'x'"),
        ('detection', {'cutout_const': math.nan}, 'cutout_const must be .*but is nan'),
        ('classification', {'reference_side': 0}, 'reference_side must be .*but is 0'),
    ],
)
def test_unusable_settings_are_refused(table, settings, message):
    with pytest.raises(ValueError, match=message):
        resolve_constants(table, **settings)
