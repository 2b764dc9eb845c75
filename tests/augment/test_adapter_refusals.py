"""What DDASAugment cannot move is refused by name; what need not move passes."""

import numpy as np
import pytest
import torch
from mmdet.structures.mask import PolygonMasks

from ddas_mm.augment.candidates import CandidateOps, build_space
from ddas_mm.augment.transform import DDASAugment
from ddas_mm.errors import SettingError
from ddas_mm.ops import OpSpec, get_op
from tests.augment.samples import (
    BOXES,
    H,
    W,
    apply,
    corners,
    image_of,
    rectangles,
    shift,
)


class EllipseBoxes:
    """As mmrotate's: (N, 5) in a tensor."""

    tensor = torch.zeros(1, 5)

    def __len__(self):
        return 1


class SphereBoxes(EllipseBoxes):
    tensor = torch.zeros(1, 8)


# What moves something: the image with its boxes, or the content of boxes.
MOVING = ('FlipLR_BBox', 'Flip_Only_BBoxes')
ONE = np.zeros((1, 4), np.float32)
REFUSED = {
    'no image': ({'img': None}, "no 'img'.*behind the steps that load"),
    'float': ({'img': np.full((H, W, 3), 0.5, np.float32)}, 'float32.*that normalise'),
    'float over 255': ({'img': np.full((H, W, 3), 256, np.float32)}, 'arrays of uint8'),
    'float64': ({'img': np.zeros((H, W, 3))}, 'arrays of uint8.*float64'),
    'tensor': ({'img': torch.zeros(3, H, W)}, 'Tensor.*before steps that.*pack'),
    'list of images': ({'img': [image_of()]}, r'arrays of uint8.*is list'),
    'EllipseBoxes': ({'gt_bboxes': EllipseBoxes()}, 'boxes of type EllipseBoxes'),
    'SphereBoxes': ({'gt_bboxes': SphereBoxes()}, 'boxes of type SphereBoxes'),
    'list of boxes': ({'gt_bboxes': [[0, 0, 1, 1]]}, 'boxes of type list'),
    'five columns': ({'gt_bboxes': np.zeros((1, 5))}, r'boxes of shape \(1, 5\)'),
    'keypoints': ({'gt_keypoints': np.zeros((1, 17, 3))}, "move 'gt_keypoints'"),
    'proposals': ({'proposals': ONE}, "move 'proposals'"),
    'depth': ({'gt_depth_map': np.zeros((H, W))}, "move 'gt_depth_map'"),
    'masks': (
        {'gt_bboxes': ONE, 'gt_masks': [[0, 0, 1, 1]]},
        'gt_masks of type list',
    ),
    'masks without boxes': (
        {'gt_masks': rectangles(BOXES)},
        "'gt_masks' along with boxes.*with_bbox=True",
    ),
    'mask count': (
        {'gt_bboxes': ONE, 'gt_masks': rectangles(BOXES)},
        "'gt_masks', but got 3 for 1 boxes",
    ),
    'label count': (
        {'gt_bboxes': ONE, 'gt_bboxes_labels': np.zeros(2)},
        "'gt_bboxes_labels', but got 2 for 1 boxes",
    ),
    'mask size': (
        {'gt_bboxes': ONE, 'gt_masks': PolygonMasks([[corners(0, 0, 1, 1)]], 5, 5)},
        r"'gt_masks' in the size of the image, \(12, 20\), but it has \(5, 5\)",
    ),
    'map size': ({'gt_seg_map': np.zeros((5, 5), np.uint8)}, r"'gt_seg_map'.*\(5, 5\)"),
    'coloured map': ({'gt_seg_map': image_of()}, r"'gt_seg_map'.*\(12, 20, 3\)"),
    'float map': ({'gt_seg_map': np.zeros((H, W))}, "'gt_seg_map'.*float64"),
}


@pytest.mark.parametrize(('change', 'message'), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize('op', MOVING)
def test_what_cannot_be_moved_is_refused_by_name(change, message, op):
    with pytest.raises(SettingError, match=message):
        apply({'img': image_of(), 'img_path': 'a.jpg', **change}, op)


def applied(change, ops, policy):
    levels = [5] if any(get_op('detection', op).takes_level for op in ops) else []
    space = dict(table='detection', ops=ops, levels=levels)
    results = {'img': image_of(), 'img_path': 'a.jpg', **change}
    rng = np.random.default_rng(0)
    return results, CandidateOps(build_space(space)).apply(results, policy, rng)


def only_the_image_is_new(results, done):
    others = done.keys() - {'img', 'img_shape', 'gt_bboxes'}
    same = all(done[key] is results[key] for key in others)
    boxes, before = (one.get('gt_bboxes') for one in (done, results))
    return same and type(boxes) is type(before) and done.keys() >= results.keys()


UNSEEN = {name: case for name, case in REFUSED.items() if 'img' not in case[0]}


@pytest.mark.parametrize(('change', '_'), UNSEEN.values(), ids=UNSEEN)
@pytest.mark.parametrize('ops', [('Invert',), ('Identity', 'Invert', 'Cutout')])
def test_what_nothing_in_the_space_moves_passes_whatever_it_is(change, _, ops):
    change = {**change, 'ignore_index': 19}
    results, done = applied(change, ops, [ops.index('Invert')])
    np.testing.assert_array_equal(done['img'], 255 - results['img'])
    assert only_the_image_is_new(results, done)


@pytest.mark.parametrize(('change', 'message'), REFUSED.values(), ids=REFUSED)
def test_what_the_space_can_move_is_refused_before_it_is_drawn(change, message):
    with pytest.raises(SettingError, match=message):
        applied(change, ('Invert', 'FlipLR_BBox'), [0])


BOXES_ALONE = ('BBox_Cutout', 'Equalize_Only_BBoxes')


@pytest.mark.parametrize('op', BOXES_ALONE)
@pytest.mark.parametrize('name', UNSEEN)
def test_operations_that_look_at_boxes_refuse_unknown_boxes_alone(name, op):
    change, message = UNSEEN[name]
    if 'boxes of' in message:
        with pytest.raises(SettingError, match=message):
            applied(change, (op,), [0])
    else:
        assert only_the_image_is_new(*applied(change, (op,), [0]))


def test_an_operation_of_the_users_own_may_move_anything():
    spec = OpSpec('Own', lambda sample, argument, rng, constants: sample)
    assert spec.moves
    assert spec.needs_boxes


def test_a_training_with_pixel_operations_takes_rotated_boxes():
    space = dict(table='detection', ops=('Invert', 'Identity'), depth=1)
    augment = DDASAugment(dict(space=space, total_prob=1.0))
    boxes = EllipseBoxes()
    results = {'img': image_of(), 'gt_bboxes': boxes, 'gt_keypoints': np.zeros((1, 2))}
    done = [augment(dict(results)) for _ in range(20)]
    assert any((one['img'] == 255 - results['img']).all() for one in done)
    assert all(torch.equal(one['gt_bboxes'].tensor, boxes.tensor) for one in done)


def test_a_box_that_is_not_finite_is_refused_where_boxes_are_looked_at():
    broken = {'gt_bboxes': np.full((1, 4), np.nan, np.float32)}
    for op in (*MOVING, *BOXES_ALONE):
        with pytest.raises(SettingError, match=r'a\.jpg has a box that is not finite'):
            applied(broken, (op,), [0])


def test_what_does_not_lie_on_the_image_passes():
    label = np.array([0, 1, 1])
    results = {
        'img': image_of(),
        'gt_label': label,
        'gt_score': torch.ones(3),
        'gt_caption': ['a', 'b'],
        'gt_answer_weight': [0.5, 0.5],
        'proposals': None,
    }
    done = shift(results, 4)
    assert all(done[key] is results[key] for key in results if key != 'img')


def test_another_ignore_index_has_to_be_set():
    results = {
        'img': image_of(),
        'gt_seg_map': np.zeros((H, W), np.uint8),
        'ignore_index': 19,
    }
    with pytest.raises(SettingError, match='ignore_index=19.*seg_fill=19'):
        shift(results, 6)
    assert (shift(results, 6, seg_fill=19)['gt_seg_map'][:, -6:] == 19).all()
