"""What the data of a training asks of its search: the space, lengths in pixels."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from ddas_mm.derive.augment import leaf_of
from ddas_mm.derive.plan import median_side, space_for
from ddas_mm.derive.schedule import PAPER, fitted_lengths
from tests.derive.test_derive import derived, training

RETINANET = 'mmdet/retinanet/retinanet_r18_fpn_1x_coco.py'
YOLOX = 'mmdet/yolox/yolox_s_8xb8-300e_coco.py'  # it packs in a wrapper
RESNET = 'mmpretrain/resnet/resnet50_8xb32_in1k.py'
DETECTION = '--space detection, as the pipeline loads boxes'


@pytest.mark.parametrize(
    ('name', 'side', 'space', 'why'),
    [
        (RETINANET, None, 'detection', DETECTION),
        (YOLOX, 554, 'detection', f'{DETECTION} on images of about 554 x 554 pixels'),
        (RESNET, 500, 'imagenet', '--space imagenet, as the pipeline loads classes on'),
        (RESNET, 64, 'cifar', '--space cifar, as the pipeline loads classes on images'),
        (RESNET, None, 'imagenet', '--space imagenet, as the pipeline loads classes'),
    ],
)
def test_task_and_size_of_the_images_decide_on_the_space(name, side, space, why):
    pipeline = leaf_of(training(name).train_dataloader.dataset)['pipeline']
    found, told = space_for(pipeline, side)
    assert found == space
    assert told.startswith(why)


def test_segmentation_maps_have_their_space():
    pipeline = [dict(type='LoadAnnotations'), dict(type='mmseg.PackSegInputs')]
    assert space_for(pipeline, 500)[0] == 'segmentation'


@pytest.mark.parametrize(
    ('width', 'height', 'expected'),
    [
        (640, 480, None),
        (560, 420, None),  # as good as the same
        (320, 240, (125, 60, 50, 25)),
        (1280, 960, (500, 240, 200, 100)),
        (64, 48, (25, 12, 10, 5)),
        (4, 3, (2, 1, 1, 1)),
    ],
)
def test_lengths_in_pixels_scale_with_the_images(width, height, expected):
    scale = (width * height / (640 * 480)) ** 0.5
    plan = replace(PAPER['detection'], scale=scale)
    names = 'translate_const translate_bbox_const cutout_const cutout_bbox_const'
    lengths = dict(zip(names.split(), expected or (), strict=bool(expected)))
    assert fitted_lengths(plan) == lengths
    config = derived(training(RETINANET), plan)
    assert config.train_cfg.space.get('constants', {}) == lengths
    told = [line for line in config.derived_from.changes if "COCO's in size" in line]
    assert len(told) == bool(lengths)
    assert all(f'translate_const={lengths["translate_const"]}' in line for line in told)


class Listed:
    """A data set of annotations alone."""

    def __init__(self, *infos):
        self.infos = infos

    def __len__(self):
        return len(self.infos)

    def get_data_info(self, index):
        return self.infos[index]


def test_size_is_that_of_annotations_arrays_or_the_headers_of_files(tmp_path):
    path = str(tmp_path / 'a.png')
    cv2.imwrite(path, np.zeros((20, 80, 3), np.uint8))
    annotated = dict(height=10, width=10, img_path='s3://a')
    array, file = dict(img=np.zeros((90, 90, 3), np.uint8)), dict(img_path=path)
    unknown = dict(img_path='s3://b')
    assert median_side(Listed(annotated, file, array, unknown)) == 40
    assert median_side(Listed(unknown)) is None
