"""What DDASAugment moves, on mmdet's structures; expected by numpy and by hand."""

import copy

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import LoadAnnotations as PlainLoadAnnotations
from mmdet.datasets.transforms import LoadAnnotations, PackDetInputs
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks, PolygonMasks

from ddas_mm.augment.candidates import CandidateOps, build_space
from ddas_mm.ops import TABLES
from tests.augment.samples import (
    BOXES,
    H,
    Script,
    W,
    apply,
    corners,
    image_of,
    plain,
    rectangles,
    sample_of,
    shift,
)

FLIPPED = [[W - x2, y1, W - x1, y2] for x1, y1, x2, y2 in BOXES]
BOX_TYPES = {
    'HorizontalBoxes': HorizontalBoxes,
    'HorizontalBoxes-float64': lambda b: HorizontalBoxes(b, dtype=torch.float64),
    'tensor': torch.tensor,
    'tensor-int64': lambda b: torch.tensor(b).long(),
    'array': lambda b: np.array(b, np.float32),
    'array-float64': np.array,
    'array-int64': lambda b: np.array(b).astype(np.int64),
}


@pytest.mark.parametrize('make', BOX_TYPES.values(), ids=BOX_TYPES)
def test_boxes_keep_type_and_dtype_and_the_input_its_values(make):
    results = sample_of(make=make)
    before = copy.deepcopy(results)
    flipped = apply(results, 'FlipLR_BBox')
    assert type(flipped['gt_bboxes']) is type(results['gt_bboxes'])
    assert plain(flipped['gt_bboxes']).dtype == plain(results['gt_bboxes']).dtype
    assert plain(flipped['gt_bboxes']).tolist() == FLIPPED
    np.testing.assert_array_equal(flipped['img'], results['img'][:, ::-1])
    assert flipped['img_shape'] == (H, W)
    np.testing.assert_array_equal(results['img'], before['img'])
    assert plain(results['gt_bboxes']).tolist() == BOXES


@pytest.mark.parametrize('make', BOX_TYPES.values(), ids=BOX_TYPES)
@pytest.mark.parametrize('op', ['Identity', 'Invert', 'FlipLR_BBox'])
def test_boxes_never_share_memory_with_the_input(make, op):
    results = sample_of(make=make)
    plain(apply(results, op)['gt_bboxes'])[:] = 77
    assert plain(results['gt_bboxes']).tolist() == BOXES


def test_whole_number_boxes_are_rounded_and_judged_before():
    # 9.5 to the left: edges at halves go up, and a pixel stays a pixel.
    boxes = np.array([[10, 2, 11, 5], [9, 2, 10, 5], [12, 2, 19, 5]])
    moved = shift(sample_of(boxes, make=np.array), 9.5)['gt_bboxes']
    # The second keeps half a pixel of its width only.
    assert moved.tolist() == [[1, 2, 2, 5], [3, 2, 10, 5]]


@pytest.mark.parametrize('masks', [BitmapMasks([], H, W), PolygonMasks([], H, W)])
@pytest.mark.parametrize('op', TABLES['detection'])
def test_images_without_objects_pass_every_operation(masks, op):
    results = sample_of(
        np.zeros((0, 4), np.float32),
        gt_bboxes_labels=np.zeros(0, np.int64),
        gt_ignore_flags=np.zeros(0, bool),
        gt_masks=masks,
    )
    level = 8 if TABLES['detection'][op].takes_level else None
    done = apply(results, op, level, np.random.default_rng(0))
    assert plain(done['gt_bboxes']).shape == (0, 4)
    assert type(done['gt_masks']) is type(masks)
    assert len(done['gt_masks']) == len(done['gt_bboxes_labels']) == 0
    sample = PackDetInputs(meta_keys=()).transform(done)['data_samples']
    assert len(sample.gt_instances) == 0


@pytest.mark.parametrize('make', BOX_TYPES.values(), ids=BOX_TYPES)
def test_vanished_boxes_take_along_what_is_theirs(make):
    results = sample_of(
        make=make,
        gt_bboxes_labels=np.array([5, 6, 7]),
        gt_ignore_flags=np.array([False, True, False]),
        gt_masks=rectangles(BOXES),
        gt_instances_ids=[31, 32, 33],
        instances_ids=torch.tensor([41, 42, 43]),
    )
    moved = shift(results, 8)  # leaves 1 px of the first box, nothing of the third
    assert plain(moved['gt_bboxes']).tolist() == [[0, 1, 1, 8], [2, 3, 9, 11]]
    assert moved['gt_bboxes_labels'].tolist() == [5, 6]
    assert moved['gt_ignore_flags'].tolist() == [False, True]
    assert moved['gt_ignore_flags'].dtype == bool
    assert moved['gt_instances_ids'] == [31, 32]
    assert moved['instances_ids'].tolist() == [41, 42]
    expected = np.zeros((2, H, W), np.uint8)
    expected[:, :, : W - 8] = results['gt_masks'].masks[:2, :, 8:]
    np.testing.assert_array_equal(moved['gt_masks'].masks, expected)
    assert moved['gt_masks'].masks.dtype == np.uint8
    gone = shift(results, 19)
    assert plain(gone['gt_bboxes']).shape == (0, 4)
    assert len(gone['gt_masks']) == len(gone['gt_bboxes_labels']) == 0
    assert len(results['gt_masks']) == len(results['gt_bboxes_labels']) == 3


def test_operations_act_in_order_and_what_any_of_them_moved_out_vanishes():
    names = ['TranslateX_BBox', 'FlipLR_BBox', 'Invert']
    constants = dict(translate_const=8, fill=0)
    space = dict(table='detection', ops=names, levels=[10], constants=constants)
    ops, results = CandidateOps(build_space(space)), sample_of()
    shifted = np.zeros_like(results['img'])
    shifted[:, : W - 8] = results['img'][:, 8:]
    for last, expected in ((1, shifted[:, ::-1]), (2, 255 - shifted)):
        done = ops.apply(results, [0, last], Script())
        np.testing.assert_array_equal(done['img'], expected)
        assert len(done['gt_bboxes']) == 2  # of three


def test_less_than_a_pixel_vanishes_only_where_something_moved():
    results = sample_of([[3.0, 3.0, 3.5, 9.0], [2.0, 2.0, 3.0, 3.0]])
    assert len(apply(results, 'Invert')['gt_bboxes']) == 2
    assert plain(apply(results, 'FlipUD_BBox')['gt_bboxes']).tolist() == [[2, 9, 3, 10]]


def test_each_polygon_of_an_object_is_moved_and_clipped():
    polygons = [[corners(2, 1, 9, 3), corners(6, 4, 9, 8)], [corners(10, 3, 17, 11)]]
    results = sample_of(BOXES[:2], gt_masks=PolygonMasks(polygons, H, W))
    moved = shift(results, 4)['gt_masks']
    assert isinstance(moved, PolygonMasks)
    assert [len(parts) for parts in moved.masks] == [2, 1]
    # x from 2..9 to 0..5, cut at the border; the others whole: 5*2 + 3*4 and 7*8.
    assert moved.areas.tolist() == [22, 56]
    bitmaps = moved.to_ndarray()
    expected = np.zeros((2, H, W), np.uint8)
    expected[0, 1:3, 0:5] = expected[0, 4:8, 2:5] = expected[1, 3:11, 6:13] = 1
    np.testing.assert_array_equal(bitmaps, expected)
    np.testing.assert_array_equal(polygons[0][0], corners(2, 1, 9, 3))


def test_polygon_that_left_has_no_area_and_mmdet_takes_it():
    polygons = [[corners(12, 2, 16, 6), corners(2, 2, 3, 9)]]
    results = sample_of([[1.0, 0.0, 17.0, 9.0]], gt_masks=PolygonMasks(polygons, H, W))
    moved = shift(results, 11)['gt_masks']
    assert moved.areas.tolist() == [16]
    assert moved.to_ndarray().sum() == 16
    assert all(len(points) >= 6 for points in moved.masks[0])


def test_polygon_round_a_corner_of_the_image_does_not_cover_it():
    # Its long side passes the corner at a distance.
    around = PolygonMasks([[np.array([-5.0, 3.0, 3.0, -6.0, -5.0, -6.0])]], H, W)
    results = sample_of([[0.0, 0.0, 3.0, 3.0]], gt_masks=around)
    assert apply(results, 'FlipLR_BBox')['gt_masks'].areas.tolist() == [0]


@pytest.mark.parametrize('polygons', [False, True])
def test_box_may_outlive_its_mask(polygons):
    # The object lies in the part of the box that leaves the image.
    masks = PolygonMasks([[corners(2, 1, 4, 4)]], H, W)
    masks = masks if polygons else masks.to_bitmap()
    results = sample_of(BOXES[:1], gt_bboxes_labels=np.array([3]), gt_masks=masks)
    moved = shift(results, 5)
    assert plain(moved['gt_bboxes']).tolist() == [[0, 1, 4, 8]]
    assert moved['gt_masks'].areas.tolist() == [0]
    sample = PackDetInputs(meta_keys=()).transform(moved)['data_samples']
    assert len(sample.gt_instances.masks) == 1


@pytest.mark.parametrize('kind', ['bitmap', 'polygon'])
def test_per_box_operation_moves_the_mask_of_its_box_alone(kind):
    # An L in each box; only box 1 is visited with a draw of 2/3 and more.
    polygons = [
        [corners(x, y, x + 2, y + 6), corners(x + 2, y + 4, x + 5, y + 6)]
        for x, y, *_ in BOXES[:2]
    ]
    masks = PolygonMasks([[p.copy() for p in parts] for parts in polygons], H, W)
    masks = masks if kind == 'polygon' else masks.to_bitmap()
    results = sample_of(BOXES[:2], gt_masks=masks)
    before = masks.to_ndarray().copy()
    draws = Script()
    draws.random = iter([0.1, 0.9]).__next__
    done = apply(results, 'Flip_Only_BBoxes', rng=draws)
    # Zoph et al.: the crop takes in the pixel that the far edges lie on.
    inside = np.s_[3:12, 10:18]
    expected, image = before.copy(), results['img'].copy()
    expected[1][inside] = before[1][inside][:, ::-1]
    image[inside] = results['img'][inside][:, ::-1]
    np.testing.assert_array_equal(done['img'], image)
    np.testing.assert_array_equal(done['gt_masks'].to_ndarray(), expected)
    np.testing.assert_array_equal(results['gt_masks'].to_ndarray(), before)
    assert plain(done['gt_bboxes']).tolist() == BOXES[:2]


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.int32, np.int64])
def test_segmentation_maps_keep_their_dtype_and_are_filled_with_255(dtype):
    classes = np.random.default_rng(1).integers(0, 200, (H, W)).astype(dtype)
    results = {'img': image_of(), 'gt_seg_map': classes}
    flipped = apply(results, 'FlipLR_BBox')['gt_seg_map']
    np.testing.assert_array_equal(flipped, classes[:, ::-1])
    moved = shift(results, 6)['gt_seg_map']
    np.testing.assert_array_equal(moved[:, : W - 6], classes[:, 6:])
    assert (moved[:, W - 6 :] == 255).all()
    assert flipped.dtype == moved.dtype == dtype
    turned = apply(results, 'Rotate_BBox', 8)['gt_seg_map']
    assert turned.dtype == dtype
    assert set(np.unique(turned)) <= {255, *np.unique(classes)}


@pytest.mark.parametrize('load', [LoadAnnotations, PlainLoadAnnotations])
def test_segmentation_map_as_loaded(load, tmp_path):
    classes = np.arange(H * W, dtype=np.uint8).reshape(H, W)
    cv2.imwrite(str(tmp_path / 'map.png'), classes)
    info = dict(img=image_of(), seg_map_path=str(tmp_path / 'map.png'), instances=[])
    step = load(with_bbox=False, with_label=False, with_seg=True)
    moved = shift(step.transform(info), 3)['gt_seg_map']
    np.testing.assert_array_equal(moved[:, :-3], classes[:, 3:])
    assert (moved[:, -3:] == 255).all()


VIEWS = {
    'mirrored': lambda a: a[:, ::-1],
    'transposed': lambda a: a.transpose(1, 0, 2),
    'strided': lambda a: a[::2, 1::2],
    'rgb': lambda a: a[..., ::-1],
    'read-only': lambda a: np.frombuffer(a.tobytes(), np.uint8).reshape(a.shape),
}


@pytest.mark.parametrize('space', ['coco', 'imagenet'])
@pytest.mark.parametrize('view', VIEWS.values(), ids=VIEWS)
def test_views_of_arrays_are_augmented_like_their_copies(space, view):
    ops = CandidateOps(build_space(dict(name=space)))
    image = view(image_of(40, 60))
    boxes = np.array([[1, 2, 15, 17], [5, 5, 19, 14]], np.float32)
    masks = np.ones((2, *image.shape[:2]), np.uint8)
    for index in range(len(ops.candidates)):
        results = [
            ops.apply(
                {
                    'img': img,
                    'gt_bboxes': boxes,
                    'gt_masks': BitmapMasks(masks, *img.shape[:2]),
                    'gt_seg_map': img[..., 0],
                },
                [index],
                np.random.default_rng(index),
            )
            for img in (image, np.ascontiguousarray(image))
        ]
        for key in ('img', 'gt_bboxes', 'gt_seg_map'):
            np.testing.assert_array_equal(results[0][key], results[1][key])


@pytest.mark.parametrize('op', [('Solarize', 4), ('TranslateX_BBox', 10)])
def test_whole_numbers_in_float32_are_moved_as_uint8_and_stay_float32(op):
    """As to_float32=True loads them, for later steps that ask for it."""
    whole = sample_of()
    floats = {**whole, 'img': whole['img'].astype(np.float32)}
    done, expected = apply(floats, *op), apply(whole, *op)
    assert done['img'].dtype == np.float32
    np.testing.assert_array_equal(done['img'], expected['img'])
    assert (expected['img'] != whole['img']).any()
    np.testing.assert_array_equal(
        plain(done['gt_bboxes']), plain(expected['gt_bboxes'])
    )


@pytest.mark.parametrize('shape', [(), (1,), (2,), (5,)])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_image_of_any_channels_keeps_shape_and_dtype(shape, dtype):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 200, (12, 20, *shape)).astype(dtype)
    done = apply({**sample_of(), 'img': image}, 'FlipUD_BBox', None)
    assert done['img'].dtype == dtype
    np.testing.assert_array_equal(done['img'], image[::-1])
