"""Search spaces: sizes from the papers, and settings refused by name."""

import numpy as np
import pytest

from ddas_mm.ops import (
    SPACES,
    TABLES,
    apply_op,
    erasing_candidates,
    expand_candidates,
    resolve_constants,
)


@pytest.mark.parametrize(
    ('name', 'size'),
    [
        *(('cifar', 51), ('svhn', 51), ('imagenet', 31), ('sanity', 18)),
        *(('coco', 59), ('segmentation', 46)),
    ],
)
def test_number_of_candidates(name, size):
    candidates = expand_candidates(**SPACES[name])
    assert len(candidates) == len(set(candidates)) == size


@pytest.mark.parametrize('name', SPACES)
def test_every_candidate_can_be_applied(name):
    image = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    boxes = np.float32([[3, 4, 20, 22]])
    table = SPACES[name]['table']
    for op, level in expand_candidates(**SPACES[name]):
        out, _ = apply_op(table, op, level, image, boxes, np.random.default_rng(0))
        assert out.shape == image.shape


def test_coco_holds_what_the_published_policies_use():
    """22 of Zoph et al.'s 25, which leaves three, and Identity."""
    ours = {'Identity', 'Invert', 'Rotate90_BBox', 'FlipLR_BBox', 'FlipUD_BBox'}
    unused = {
        'Rotate_Only_BBoxes',
        'Solarize_Only_BBoxes',
        'TranslateX_Only_BBoxes',
    }
    zoph = set(TABLES['detection']) - ours
    assert len(zoph) == 25
    assert set(SPACES['coco']['ops']) == (zoph - unused) | {'Identity'}


def test_segmentation_holds_what_acts_without_boxes():
    image = np.random.default_rng(0).integers(40, 200, (60, 80, 3), dtype=np.uint8)
    acting = set()
    for name, spec in TABLES['detection'].items():
        level = 6 if spec.takes_level else None
        draws = (
            apply_op('detection', name, level, image, [], np.random.default_rng(seed))
            for seed in range(4)
        )
        if any((out != image).any() for out, _ in draws):
            acting.add(name)
    assert set(SPACES['segmentation']['ops']) == acting | {'Identity'}


def test_sanity_turns_instead_of_rotating():
    cifar, sanity = set(SPACES['cifar']['ops']), set(SPACES['sanity']['ops'])
    assert cifar - sanity == {'Rotate'}
    assert sanity - cifar == {'Rotate90'}


def test_order_is_operations_then_levels():
    ops = ['ShearX', 'Invert', 'Color']
    assert expand_candidates('classification', ops, [6, 2]) == (
        ('ShearX', 6),
        ('ShearX', 2),
        ('Invert', None),
        ('Color', 6),
        ('Color', 2),
    )
    assert expand_candidates('classification', ['Invert'], []) == (('Invert', None),)


@pytest.mark.parametrize(
    ('ops', 'levels', 'message'),
    [
        (['ShearX'], [], "levels must hold at least one level for 'ShearX'"),
        (['ShearX'], [2, -4], 'level must be a finite number >= 0, but got -4'),
        (['ShaerX'], [2], "did you mean 'ShearX'"),
        ('ShearX', [2], "ops must be a list, but got 'ShearX'"),
        (['ShearX'], 2, 'levels must be a list, but got 2'),
    ],
)
def test_unusable_settings_are_refused(ops, levels, message):
    with pytest.raises(ValueError, match=message):
        expand_candidates('classification', ops, levels)


def test_shifts_that_erase_small_images_are_found():
    candidates = expand_candidates(**SPACES['coco'])
    constants = resolve_constants('detection')
    assert erasing_candidates(candidates, constants, 480, 640) == ()
    # 250 px * level / 10 against 160 px of height and 220 of width.
    assert erasing_candidates(candidates, constants, 160, 220) == (
        ('TranslateY_BBox', 8),
    )
    smaller = resolve_constants('detection', translate_const=60)
    assert erasing_candidates(candidates, smaller, 160, 220) == ()
