"""COCO's own images, boxes, polygons and crowds through whole policies."""

import copy
import tarfile

import numpy as np
import pytest
from mmdet.datasets import CocoDataset
from mmdet.datasets.transforms import LoadAnnotations, PackDetInputs
from mmdet.registry import TRANSFORMS

from ddas_mm.augment.candidates import CandidateOps, build_space
from tests.augment.samples import plain
from tests.toy import shared_path

MOVING = (
    'Rotate_BBox ShearX_BBox ShearY_BBox TranslateY_BBox Rotate90_BBox FlipLR_BBox '
    'Flip_Only_BBoxes'
)


@pytest.fixture(scope='module')
def coco(tmp_path_factory):
    root = tmp_path_factory.mktemp('coco128')
    with tarfile.open(shared_path('data', 'coco128.tar')) as archive:
        archive.extraction_filter = getattr(tarfile, 'data_filter', None)
        archive.extractall(root)
    return CocoDataset(
        ann_file='annotations/instances_train2017.json',
        data_root=str(root),
        data_prefix=dict(img='train2017/'),
        pipeline=[],
    )


@pytest.mark.parametrize('poly2mask', [True, False])
def test_real_images_through_random_policies(coco, poly2mask):
    space = build_space(dict(name='coco'))
    ops = CandidateOps(space)
    load_image = TRANSFORMS.build(dict(type='LoadImageFromFile'))
    load = LoadAnnotations(with_bbox=True, with_mask=True, poly2mask=poly2mask)
    pack = PackDetInputs(meta_keys=('img_id', 'img_shape'))
    checked = 0
    for index in range(0, len(coco), 3):
        info = load_image.transform(coco.get_data_info(index))
        loaded = load.transform(info)
        count = len(loaded['gt_bboxes'])
        loaded['gt_instances_ids'] = np.arange(count)
        rng = np.random.default_rng(index)
        policy = rng.integers(0, len(space), 2).tolist()
        done = ops.apply(loaded, policy, rng)
        kept = done['gt_instances_ids']
        assert len(loaded['gt_bboxes']) == count
        keys = ('gt_bboxes', 'gt_bboxes_labels', 'gt_masks', 'gt_ignore_flags')
        assert {len(done[key]) for key in keys} == {len(kept)}
        for key in keys[1::2]:
            np.testing.assert_array_equal(done[key], loaded[key][kept])
        names = [space.candidates[k][0] for k in policy]
        if not any('Only_BBoxes' in name for name in names):
            checked += check_masks_lie_in_boxes(loaded, done, kept, names)
        sample = pack.transform(done)['data_samples']
        valid, ignored = sample.gt_instances, sample.ignored_instances
        assert len(valid) + len(ignored) == len(kept)
        assert len(valid.masks) == len(valid.bboxes) == len(valid.labels)
    assert checked > 50


def check_masks_lie_in_boxes(loaded, done, kept, names):
    """Compare the masks' bounding boxes with the boxes, where they agreed before."""
    size = np.tile(done['img_shape'][::-1], 2)
    before = plain(loaded['gt_bboxes'])[kept]
    agreed = np.abs(mask_boxes(loaded['gt_masks'])[kept] - before).max(1) <= 1.5
    hulls, boxes = mask_boxes(done['gt_masks']), plain(done['gt_bboxes'])
    assert (boxes >= 0).all()
    assert (boxes <= size).all()
    chosen = agreed & np.isfinite(hulls).all(1)  # a mask may leave before its box
    gap = (hulls - boxes)[chosen] * [1, 1, -1, -1]
    assert (gap > -2.5).all(), names  # the mask lies in its box
    if not any(part in name for name in names for part in ('Rotate', 'Shear')):
        # a shift keeps the hull of an object tight that it does not cut
        sides = [b[:, 2:] - b[:, :2] for b in (boxes, before)]
        whole = (np.abs(sides[0] - sides[1]) < 0.01).all(1)[chosen]
        assert (gap[whole] < 2.5).all(), names
    return int(chosen.sum())


def mask_boxes(masks):
    """Bounding boxes of the pixels, by numpy; infinite for empty masks."""
    found = np.full((len(masks), 4), np.inf)
    for box, mask in zip(found, masks.to_ndarray(), strict=True):
        rows, columns = np.nonzero(mask)
        if len(rows):
            box[:] = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    return found


def test_polygons_and_bitmaps_of_real_objects_move_alike(coco):
    space = dict(table='detection', ops=MOVING.split(), levels=[8])
    ops = CandidateOps(build_space(space))
    read = TRANSFORMS.build(dict(type='LoadImageFromFile'))
    compared = 0
    for index in range(0, 24, 2):
        info = read.transform(coco.get_data_info(index))
        loads = [LoadAnnotations(with_mask=True, poly2mask=to) for to in (True, False)]
        loaded = [load.transform(copy.deepcopy(info)) for load in loads]
        for k in range(len(ops.candidates)):
            results = [ops.apply(r, [k], np.random.default_rng(k)) for r in loaded]
            bitmaps, polygons = (r['gt_masks'].to_ndarray() > 0 for r in results)
            valid = ~results[1]['gt_ignore_flags']
            bitmaps, polygons = bitmaps[valid], polygons[valid]
            both = (bitmaps & polygons).sum((1, 2))
            either = (bitmaps | polygons).sum((1, 2))
            large = bitmaps.sum((1, 2)) >= 1000  # outlines differ by a pixel
            assert (both[large] > 0.9 * either[large]).all(), ops.candidates[k]
            compared += int(large.sum())
    assert compared > 100
