"""Rows: complete, picklable, with the references' numbers, and clear refusals."""

import pickle

import numpy as np
import pytest

from ddas_mm.ops import (
    TABLES,
    LevelMap,
    OpSpec,
    Pixels,
    Sample,
    apply_op,
    apply_to_sample,
    get_op,
    register_op,
    resolve_constants,
)
from ddas_mm.ops.kernels import identity

_SPECS = [(table, spec) for table, rows in TABLES.items() for spec in rows.values()]
_EVERY_SPEC = pytest.mark.parametrize(
    ('table', 'spec'), _SPECS, ids=[f'{table}-{spec.name}' for table, spec in _SPECS]
)
_NO_BOXES = np.zeros((0, 4), np.float32)


@_EVERY_SPEC
def test_rows_survive_pickling(table, spec):
    """Spawned workers of a DataLoader get their operations this way."""
    assert pickle.loads(pickle.dumps(spec)) == spec


@_EVERY_SPEC
def test_rows_say_where_their_numbers_come_from(table, spec):
    assert TABLES[table][spec.name] is spec
    if spec.takes_level:
        assert spec.level_map.unit
        assert spec.level_map.source


@pytest.mark.parametrize(
    ('table', 'ours'),
    [
        ('classification', ['Rotate90']),
        (
            'detection',
            ['Identity', 'Invert', 'Rotate90_BBox', 'FlipLR_BBox', 'FlipUD_BBox'],
        ),
    ],
)
def test_every_operation_of_a_reference_has_golden_cases(table, ours, golden_json):
    cases = {case['op'] for case in golden_json(f'{table}_ops')['cases']}
    assert cases == set(TABLES[table]) - set(ours)


def test_detection_arguments_are_the_references(golden_json):
    constants = resolve_constants('detection')
    for name, by_level in golden_json('detection_level_args').items():
        spec = get_op('detection', name)
        for level, arguments in by_level.items():
            if not spec.takes_level:
                assert arguments == []
                continue
            value = spec.level_map(int(level), constants)
            # To the last bit: it decides where pixels are truncated. Shears are
            # float32 in the reference.
            exact = float(np.float32(value)) if 'Shear' in name else value
            assert exact == arguments[0], (name, level)


@pytest.mark.parametrize('level', range(31))
def test_classification_arguments_are_those_of_ddas(level):
    constants = resolve_constants('classification')
    # augmentations.py of DDAS, as it is written there.
    factor = 0.18 * level + 0.1
    expected = {
        'Rotate': int(3.0 * level),
        'ShearX': 0.03 * level,
        'ShearY': 0.03 * level,
        'TranslateX': int(level),
        'TranslateY': int(level),
        'Posterize': 4 - int(0.4 * level),
        'Solarize': 256 - int(25.6 * level),
        'Color': factor,
        'Contrast': factor,
        'Brightness': factor,
        'Sharpness': factor,
        'Cutout': int(2 * level),
    }
    for name, value in expected.items():
        ours = get_op('classification', name).level_map(level, constants)
        assert ours == pytest.approx(value, rel=1e-14)
        if isinstance(value, int):
            assert ours == value
    leveled = {n for n, spec in TABLES['classification'].items() if spec.takes_level}
    assert leveled == set(expected)


def test_only_whole_image_geometry_moves_boxes():
    moving = {name for name, spec in TABLES['detection'].items() if spec.moves_boxes}
    kinds = ('Rotate', 'ShearX', 'ShearY', 'TranslateX', 'TranslateY')
    kinds += ('Rotate90', 'FlipLR', 'FlipUD')
    assert moving == {f'{kind}_BBox' for kind in kinds}
    moving = {
        name for name, spec in TABLES['classification'].items() if spec.moves_boxes
    }
    assert moving == set(kinds)


@_EVERY_SPEC
def test_rows_tell_what_they_look_at_and_what_they_move(table, spec):
    """By what they do to a sample with objects, and without."""
    constants = resolve_constants(table)
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    masks = np.zeros((2, 30, 40), np.uint8)
    masks[:, 3:9, 4:11] = 1
    boxes = np.array([[2, 1, 19, 15], [20, 3, 37, 29]], np.float32)
    moved, seen = False, False
    for seed in range(20):
        plain, done = (
            apply_to_sample(
                spec,
                4 if spec.takes_level else None,
                sample,
                np.random.default_rng(seed),
                constants,
            )
            for sample in (Sample(image), Sample(image, boxes, masks))
        )
        moved |= not np.array_equal(done.masks, masks)
        seen |= not np.array_equal(plain.image, done.image)
    assert spec.moves == moved
    assert spec.needs_boxes == (moved or seen)


@pytest.mark.parametrize(
    ('table', 'name', 'message'),
    [
        ('detection', 'Rotate_Bbox', "'Rotate_Bbox'; did you mean 'Rotate_BBox'"),
        ('detection', 'Blur', "it is in table 'classification'"),
        ('classification', 'nothing', "table 'classification' has no operation"),
        ('segmentation', 'Rotate', 'table must be one of'),
    ],
)
def test_unknown_names_are_answered_with_close_ones(table, name, message):
    with pytest.raises(ValueError, match=message):
        get_op(table, name)


@pytest.mark.parametrize(
    ('name', 'level', 'message'),
    [
        ('Rotate_BBox', None, 'Rotate_BBox takes a level'),
        ('Equalize', 4, 'Equalize takes no level: expected None, but got 4'),
        ('Equalize', 0, 'Equalize takes no level'),
        ('Rotate_BBox', -1, 'level must be a finite number >= 0, but got -1'),
        ('Rotate_BBox', float('nan'), 'level must be a finite number'),
        ('Rotate_BBox', float('inf'), 'level must be a finite number'),
        ('Rotate_BBox', '4', "level must be a finite number >= 0, but got '4'"),
    ],
)
def test_unusable_levels_are_refused(name, level, message):
    image = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ValueError, match=message):
        apply_op('detection', name, level, image, _NO_BOXES, np.random.default_rng(0))


def _add(image, argument):
    return image + np.uint8(argument)


@pytest.fixture
def own_op():
    spec = OpSpec('Brighter', Pixels(_add), LevelMap(10, 'grey levels', 'this test'))
    yield register_op('detection', spec)
    del TABLES['detection']['Brighter']


def test_own_operations_work_like_the_others(own_op):
    image = np.full((2, 2, 3), 7, np.uint8)
    out, _ = apply_op('detection', 'Brighter', 3, image, _NO_BOXES, None)
    np.testing.assert_array_equal(out, np.full((2, 2, 3), 10))
    assert get_op('detection', 'Brighter') is own_op


def test_own_operations_may_not_take_a_name_or_lack_a_level_map():
    with pytest.raises(ValueError, match="has an operation 'Color' already"):
        register_op('detection', OpSpec('Color', identity))
    with pytest.raises(ValueError, match='table must be one of'):
        register_op('detections', OpSpec('New', identity))
    with pytest.raises(TypeError, match='must be an OpSpec'):
        register_op('detection', identity)
    with pytest.raises(ValueError, match='signed needs a level_map'):
        OpSpec('New', identity, signed=True)


def test_identity_returns_its_input(photo):
    from ddas_mm.ops import Sample

    sample = Sample(photo(5, 5))
    constants = resolve_constants('detection')
    spec = get_op('detection', 'Identity')
    assert apply_to_sample(spec, None, sample, None, constants) is sample
