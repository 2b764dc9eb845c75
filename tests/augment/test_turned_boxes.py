"""mmrotate's boxes against mmrotate's own methods, float64 corners and pixels."""

import cv2
import numpy as np
import pytest
import torch

from ddas_mm.augment.candidates import CandidateOps, build_space
from ddas_mm.ops.detection import DETECTION

bbox = pytest.importorskip('mmrotate.structures.bbox', reason='needs mmrotate')

H, W = 150, 200
COLOUR = [spec.name for spec in DETECTION if not spec.moves]
MOVING = [spec.name for spec in DETECTION if spec.moves_boxes]
ONE_BOX = ['Rotate_Only_BBoxes', 'Flip_Only_BBoxes', 'ShearX_Only_BBoxes']
TURNED = torch.tensor(
    [[100, 75, 60, 22, 0.5], [60, 60, 40, 30, -1.2], [140, 90, 30, 28, 0]]
)


class Draws:
    """Positive signs, every box, in order."""

    def random(self):
        return 0.9

    def integers(self, low, high):
        return (low + high) // 2

    def permutation(self, n):
        return np.arange(n)


def apply(name, boxes, image=None, level=6, **more):
    space = dict(table='detection', ops=[name], levels=[level], depth=1)
    space['constants'] = dict(translate_const=50, cutout_const=20)
    image = np.zeros((H, W, 3), np.uint8) if image is None else image
    results = dict(img=image, gt_bboxes=boxes, **more)
    return CandidateOps(build_space(space)).apply(results, [0], Draws())


def corners_of(boxes):
    if isinstance(boxes, bbox.RotatedBoxes):
        corners = bbox.RotatedBoxes.rbox2corner(boxes.tensor.double()).numpy()
    else:
        corners = boxes.tensor.double().numpy().reshape(-1, 4, 2)
    return corners


def assert_same_corners(found, expected, atol=1e-3):
    """As sets: which corner comes first is no property of a box."""
    for one, other in zip(found, expected, strict=True):
        distances = np.linalg.norm(one[:, None] - other[None], axis=2)
        assert distances.min(axis=0).max() < atol
        assert distances.min(axis=1).max() < atol


def rotated(tensor=TURNED):
    return bbox.RotatedBoxes(tensor.clone())


def mm_flip(direction):
    def move(boxes):
        boxes.flip_((H, W), direction)

    return move


def mm_turn(degrees):
    return lambda boxes: boxes.rotate_((W / 2, H / 2), -degrees)  # clockwise is +


MMROTATE = {
    'FlipLR_BBox': mm_flip('horizontal'),
    'FlipUD_BBox': mm_flip('vertical'),
    'Rotate90_BBox': mm_turn(90),
    # about the middle pixel's centre it is the same middle
    'Rotate_BBox': mm_turn(18),
    'TranslateX_BBox': lambda boxes: boxes.translate_((-30, 0)),
    'TranslateY_BBox': lambda boxes: boxes.translate_((0, -30)),
}


@pytest.mark.parametrize('name', MMROTATE)
def test_rigid_moves_are_mmrotates_own(name):
    expected = bbox.RotatedBoxes(TURNED.double())
    MMROTATE[name](expected)
    moved = apply(name, rotated())['gt_bboxes']
    assert moved.tensor.dtype == torch.float32
    assert_same_corners(corners_of(moved), corners_of(expected))
    # the width stays the width, as mmrotate keeps it
    np.testing.assert_allclose(moved.tensor[:, 2:4], TURNED[:, 2:4], atol=1e-3)


@pytest.mark.parametrize('name', MMROTATE)
def test_quadrilaterals_move_corner_by_corner(name):
    quads = corners_of(rotated()).reshape(-1, 8)
    quads[0, 0] += 7  # no rectangle any more
    expected = bbox.QuadriBoxes(torch.from_numpy(quads))
    MMROTATE[name](expected)
    moved = apply(name, bbox.QuadriBoxes(torch.from_numpy(quads)))['gt_bboxes']
    np.testing.assert_allclose(moved.tensor, expected.tensor, atol=1e-3)


@pytest.mark.parametrize('axis', [0, 1])
def test_sheared_rectangle_is_the_smallest_around_its_corners(axis):
    name = ('ShearX_BBox', 'ShearY_BBox')[axis]
    boxes = rotated()
    corners = corners_of(boxes)
    # x_in = x + s (y - 1/2): so a corner moves by -s (y - 1/2), s = 0.18 at level 6
    corners[..., axis] -= 0.18 * (corners[..., 1 - axis] - 0.5)
    moved = apply(name, boxes)['gt_bboxes']
    for found, parallelogram in zip(moved.tensor, corners, strict=True):
        (x, y), sides, _ = cv2.minAreaRect(parallelogram.astype(np.float32))
        np.testing.assert_allclose(found[:2], (x, y), atol=1e-3)
        np.testing.assert_allclose(np.prod(sides), found[2] * found[3], rtol=1e-4)
        inside = cv2.boxPoints((tuple(found[:2].tolist()), tuple(found[2:4].tolist()),
                                np.degrees(float(found[4]))))  # fmt: skip
        for point in parallelogram:
            distance = cv2.pointPolygonTest(inside, tuple(map(float, point)), True)
            assert distance > -1e-2


@pytest.mark.parametrize('name', [*MOVING, *ONE_BOX])
def test_box_stays_on_its_object(name):
    boxes = rotated(TURNED[:1])
    image = np.zeros((H, W, 3), np.uint8)
    drawn = np.round(corners_of(boxes)).astype(np.int32)
    cv2.fillPoly(image, drawn, (255, 255, 255))
    done = apply(name, boxes, image)
    object_pixels = done['img'][..., 0] == 255
    box = np.zeros((H, W), np.uint8)
    cv2.fillPoly(box, np.round(corners_of(done['gt_bboxes'])).astype(np.int32), 1)
    both = (object_pixels & (box > 0)).sum()
    # a sheared rectangle is a parallelogram, and a box's content ends at its hull
    least = 0.6 if 'Shear' in name or 'Rotate_Only' in name else 0.9
    assert both / (object_pixels | (box > 0)).sum() > least


@pytest.mark.parametrize('make', [rotated, lambda: rotated().convert_to('qbox')])
@pytest.mark.parametrize('name', COLOUR)
def test_colours_leave_boxes_bit_by_bit(name, make):
    boxes = make()
    done = apply(name, boxes, np.random.default_rng(0).integers(
        0, 256, (H, W, 3), dtype=np.uint8))['gt_bboxes']  # fmt: skip
    assert type(done) is type(boxes)
    assert torch.equal(done.tensor, boxes.tensor)


@pytest.mark.parametrize('pattern', ['oc', 'le90', 'le135'])
def test_angles_stay_in_the_range_of_mmrotates_conventions(pattern):
    boxes = rotated(torch.tensor([[90, 70, 50, 20, 2.2], [60, 60, 20, 40, 2.2]]))
    boxes.regularize_boxes(pattern)
    moved = apply('Rotate90_BBox', boxes)['gt_bboxes']
    again = bbox.RotatedBoxes(moved.tensor.clone())
    again.regularize_boxes(pattern)
    np.testing.assert_allclose(moved.tensor, again.tensor, atol=1e-4)


def test_vanished_boxes_go_with_their_labels():
    boxes = rotated(torch.tensor([[10, 75, 12, 8, 0.4], [150, 75, 40, 20, 0.4]]))
    done = apply('TranslateX_BBox', boxes, gt_bboxes_labels=np.array([3, 5]))
    assert done['gt_bboxes'].tensor.shape == (1, 5)
    assert done['gt_bboxes_labels'].tolist() == [5]


def test_no_boxes_pass():
    done = apply('Rotate_BBox', rotated(torch.zeros(0, 5)))
    assert done['gt_bboxes'].tensor.shape == (0, 5)
