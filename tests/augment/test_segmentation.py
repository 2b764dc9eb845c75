"""Segmentation maps: every pixel keeps its label, and candidates without effect go."""

import numpy as np
import pytest

from ddas_mm.augment import LoadSegMapFromMasks
from ddas_mm.augment.candidates import CandidateOps, build_space, without_idle
from ddas_mm.errors import SettingError

SPACE = build_space(
    dict(name='segmentation', constants=dict(translate_const=30, cutout_const=12))
)
OPS = CandidateOps(SPACE)
COLOURS = np.random.default_rng(5).permutation(40)[:, None] * np.array([6, 5, 4])
COLOURS = (COLOURS % 251).astype(np.uint8)
FILL = np.array([128, 128, 128])


def coloured():
    """Blobs of 40 classes, each class with a colour of its own, none of them grey."""
    rng = np.random.default_rng(3)
    seg_map = rng.integers(0, 40, (9, 12), np.uint8).repeat(5, 0).repeat(5, 1)
    return {'img': COLOURS[seg_map], 'gt_seg_map': seg_map, 'img_shape': (45, 60)}


def label_of_colour(image):
    """The label that each pixel's colour stands for, 255 for the fill."""
    same = (image[:, :, None] == COLOURS).all(axis=-1)
    assert (same.sum(axis=-1) + (image == FILL).all(axis=-1) == 1).all()
    return np.where(same.any(axis=-1), same.argmax(axis=-1), 255)


@pytest.mark.parametrize('index', range(len(SPACE)), ids=SPACE.labels)
def test_every_pixel_keeps_the_label_of_its_colour(index):
    spec, _ = OPS.candidates[index]
    before = coloured()
    for seed in range(4):
        done = OPS.apply(before, [index], np.random.default_rng(seed))
        image, seg_map = done['img'], done['gt_seg_map']
        if spec.moves_boxes:
            np.testing.assert_array_equal(seg_map, label_of_colour(image))
        else:
            assert seg_map is before['gt_seg_map']
            changed = (image != before['img']).any(axis=-1)
            if spec.name == 'Cutout':  # what is covered keeps its label, as boxes do
                assert (image[changed] == FILL).all()
            elif spec.name != 'Sharpness':  # it mixes neighbours
                for label in np.unique(seg_map):
                    assert len(np.unique(image[seg_map == label], axis=0)) == 1


def test_colours_tell_the_labels_apart():
    before = coloured()
    assert len(np.unique(COLOURS, axis=0)) == 40
    np.testing.assert_array_equal(label_of_colour(before['img']), before['gt_seg_map'])


def test_candidates_without_anything_to_act_on_are_told_and_left_out():
    told = []
    whole = build_space(dict(name='coco'))
    space = without_idle(whole, coloured(), told.append)
    left_out = {*whole.labels} - {*space.labels}
    assert (len(space), len(left_out)) == (42, 17)
    assert all('BBoxes' in name or 'BBox_Cutout' in name for name in left_out)
    assert 'Cutout 6' in space.labels
    (sentence,) = told
    assert 'BBox_Cutout, Cutout_Only_BBoxes, ' in sentence
    assert sentence.endswith('act on boxes only, and the pipeline loads none')


def test_data_with_boxes_keeps_all_candidates_even_where_an_image_has_none():
    space, told = build_space(dict(name='coco')), []
    results = {**coloured(), 'gt_bboxes': np.zeros((0, 4), np.float32)}
    assert without_idle(space, results, told.append) is space
    assert not told


def test_a_space_of_which_nothing_is_left_is_refused():
    space = build_space(dict(table='detection', ops=['Flip_Only_BBoxes']))
    with pytest.raises(SettingError, match='all candidates .* left out: .* on boxes'):
        without_idle(space, coloured(), print)


class Masks:
    def __init__(self, *masks):
        self.masks = np.array(masks, np.uint8).reshape(-1, 2, 4)


def test_masks_become_a_map_with_the_smaller_on_top_and_crowds_ignored():
    results = {
        'img': np.zeros((2, 4, 3), np.uint8),
        'gt_masks': Masks(
            [[0, 1, 0, 0], [0, 0, 0, 0]],
            [[1, 1, 1, 0], [0, 0, 0, 0]],
            [[0, 0, 0, 0], [0, 0, 0, 1]],
        ),
        'gt_bboxes_labels': np.array([3, 5, 5]),
        'gt_ignore_flags': np.array([False, False, True]),
        'gt_bboxes': np.zeros((3, 4), np.float32),
    }
    done = LoadSegMapFromMasks(background=80)(results)
    expected = [[5, 3, 5, 80], [80, 80, 80, 255]]
    assert done['gt_seg_map'].tolist() == expected
    assert done['gt_seg_map'].dtype == np.uint8
    assert done.keys() == {'img', 'gt_seg_map', 'seg_fields'}


def test_an_image_without_masks_is_background_throughout():
    empty = dict(gt_bboxes_labels=np.zeros(0, int), gt_ignore_flags=np.zeros(0, bool))
    results = {'img': np.zeros((2, 4, 3), np.uint8), 'gt_masks': Masks(), **empty}
    assert (LoadSegMapFromMasks()(results)['gt_seg_map'] == 255).all()


def test_masks_that_are_not_loaded_are_asked_for():
    with pytest.raises(SettingError, match='with_mask=True'):
        LoadSegMapFromMasks()({'img': np.zeros((2, 4, 3), np.uint8)})
