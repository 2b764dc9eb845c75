"""What DDASAugment cannot move is refused by name; what need not move passes."""

import numpy as np
import pytest
import torch
from mmdet.structures.mask import PolygonMasks

from ddas_mm.errors import SettingError
from tests.data.samples import BOXES, H, W, apply, corners, image_of, rectangles, shift


class RotatedBoxes:
    """As mmrotate's: (N, 5) in a tensor."""

    tensor = torch.zeros(1, 5)

    def __len__(self):
        return 1


class QuadriBoxes(RotatedBoxes):
    tensor = torch.zeros(1, 8)


ONE = np.zeros((1, 4), np.float32)
REFUSED = {
    'no image': ({'img': None}, "no 'img'.*behind the steps that load"),
    'grey': ({'img': np.zeros((H, W), np.uint8)}, 'a.jpg is ndarray uint8.*in colour'),
    'float': ({'img': np.zeros((H, W, 3), np.float32)}, 'float32.*without to_float32'),
    'tensor': ({'img': torch.zeros(3, H, W)}, 'Tensor.*before steps that.*pack'),
    'list of images': ({'img': [image_of()]}, r'uint8 arrays.*is list'),
    'RotatedBoxes': ({'gt_bboxes': RotatedBoxes()}, 'boxes of type RotatedBoxes'),
    'QuadriBoxes': ({'gt_bboxes': QuadriBoxes()}, 'boxes of type QuadriBoxes'),
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
@pytest.mark.parametrize('op', ['Identity', 'FlipLR_BBox'])
def test_what_cannot_be_moved_is_refused_by_name(change, message, op):
    with pytest.raises(SettingError, match=message):
        apply({'img': image_of(), 'img_path': 'a.jpg', **change}, op)


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
