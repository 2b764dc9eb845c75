"""S_val reaches the network at a scale that S_train has, or a search does not start."""

import pytest
from mmcv.transforms import BaseTransform

from ddas_mm.augment.candidates import CandidateOps, build_space
from ddas_mm.errors import SettingError
from ddas_mm.search.data import build_search_datasets
from tests import toy
from tests.spoiled import COUNT, Coco

SPACE = build_space(dict(table='detection', ops=('Identity',), depth=1))
LOAD = [
    dict(type='LoadImageFromFile'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True),
]
PACK = dict(type='mmdet.PackDetInputs')


def resize(factor):  # of images of 32 x 24 pixels
    scale = (round(32 * factor), round(24 * factor))
    return dict(type='mmdet.Resize', scale=scale, keep_ratio=True)


def choice(*factors):
    steps = [[resize(factor)] for factor in factors]
    return dict(type='RandomChoice', transforms=steps)


def random_resize(least, most):
    size = dict(scale=(32, 24), ratio_range=(least, most), keep_ratio=True)
    return dict(type='RandomResize', resize_type='mmdet.Resize', **size)


PAD = dict(type='mmdet.Pad', size=(96, 96))
CROP = dict(type='mmdet.RandomCrop', crop_size=(16, 20), allow_negative_crop=True)


def build(tmp_path, steps, val=None, **own):
    settings = Coco(tmp_path / 'data').settings()
    settings['pipeline'] = [*LOAD, dict(type='ddas_mm.DDASAugment'), *steps, PACK]
    if val is not None:
        own['pipeline'] = [*LOAD, *val, PACK]
    proxy = dict(num_train=4, num_val=4)
    return build_search_datasets(settings, own, proxy, CandidateOps(SPACE), 0)


@pytest.mark.parametrize(
    ('steps', 'val'),
    [
        ([choice(3, 4, 5)], None),
        ([choice(0.3, 0.4)], None),
        ([random_resize(2, 3), PAD], None),
        ([choice(0.3, 0.4), PAD], None),  # the same size, but other objects
        ([resize(3)], []),
        ([resize(3), PAD], [PAD]),
    ],
)
def test_other_scales_are_refused_with_both(tmp_path, steps, val):
    with pytest.raises(SettingError) as refused:
        build(tmp_path, steps, val)
    message = str(refused.value)
    for word in ('S_val', 'S_train', 'policy_dataloader.dataset.pipeline', 'pixels'):
        assert word in message
    if val is None:
        assert 'without the random Random' in message


@pytest.mark.parametrize(
    ('steps', 'val'),
    [
        ([resize(3)], None),
        ([random_resize(0.5, 2)], None),
        ([choice(0.8, 1, 1.3)], None),
        ([resize(3), choice(2, 4)], [resize(3)]),  # within S_train's range
        ([CROP], None),  # of less than half the image, whose objects stay as they are
    ],
)
def test_scales_that_s_train_has_are_searched_with(tmp_path, steps, val):
    _, dataset = build(tmp_path, steps, val)
    assert dataset[0]['inputs'].ndim == 3


class LargestAlone(BaseTransform):
    """Keeps what a crop might: one object of several."""

    def transform(self, results):
        results['gt_bboxes'] = results['gt_bboxes'][:1]
        results['gt_bboxes_labels'] = results['gt_bboxes_labels'][:1]
        results['gt_ignore_flags'] = results['gt_ignore_flags'][:1]
        return results


def test_crops_that_keep_large_objects_do_not_pass_for_a_larger_scale(tmp_path):
    coco = Coco(tmp_path / 'data')
    small = [coco.box(i, [1, 1, 2, 2]) for i in range(COUNT) for _ in range(3)]
    coco.data['annotations'] += [{**b, 'id': 100 + i} for i, b in enumerate(small)]
    settings = coco.settings()
    steps = [dict(type='ddas_mm.DDASAugment'), LargestAlone(), resize(1), PACK]
    settings['pipeline'] = [*LOAD, *steps]
    own = dict(pipeline=[*LOAD, resize(4), PACK])
    proxy = dict(num_train=4, num_val=4)
    with pytest.raises(SettingError, match='128 x 96 pixels.*S_train 32 x 24 pixels'):
        build_search_datasets(settings, own, proxy, CandidateOps(SPACE), 0)


CLASSES = build_space(dict(table='classification', ops=('Identity',), depth=1))
CUT = dict(type='mmpretrain.RandomResizedCrop', scale=5)
CONVERTED = [
    dict(type='mmpretrain.NumpyToPIL'),
    dict(type='mmpretrain.torchvision/RandomResizedCrop', size=5),
    dict(type='mmpretrain.PILToNumpy'),
]


@pytest.mark.parametrize(
    ('steps', 'val', 'refused'),
    [
        ([CUT], None, True),
        (CONVERTED, None, True),
        ([dict(type='RandomChoice', transforms=[[CUT]])], None, True),
        ([dict(type='mmpretrain.RandomCrop', crop_size=8, padding=1)], None, False),
        ([CUT], [dict(type='mmpretrain.CenterCrop', crop_size=5)], False),
        ([CUT], [dict(type='mmpretrain.CenterCrop', crop_size=6)], False),
    ],
)
def test_images_without_boxes_keep_the_one_size_of_the_network(steps, val, refused):
    pack = dict(type='ToyPack')
    pipeline = [dict(type='ddas_mm.DDASAugment'), *steps, pack]
    settings = dict(type='ToyDataset', pipeline=pipeline)
    own = {} if val is None else dict(pipeline=[*val, pack])
    proxy = dict(num_train=12, num_val=8)
    arguments = settings, own, proxy, CandidateOps(CLASSES), 0
    if refused:
        message = f'{toy.SIDE} x {toy.SIDE} pixels, but S_train 5 x 5 pixels'
        with pytest.raises(SettingError, match=message):
            build_search_datasets(*arguments)
    else:
        build_search_datasets(*arguments)
