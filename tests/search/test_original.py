"""S_val is kept as original, whatever is random in the pipeline of the training."""

import random  # noqa: TID251  what is to be found

import cv2
import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.registry import DATASETS, DefaultScope
from torchvision import transforms

from ddas_mm.errors import SettingError
from ddas_mm.search.views import ValidationDataset
from tests import toy

SIZE = 5  # beside the 8 of the images


@pytest.fixture(autouse=True)
def _scope_of_the_policies():
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        yield


def torchvision(name, **settings):
    return [
        dict(type='mmpretrain.NumpyToPIL', to_rgb=True),
        dict(type=f'mmpretrain.torchvision/{name}', **settings),
        dict(type='mmpretrain.PILToNumpy', to_bgr=True),
    ]


class Brighten(BaseTransform):
    """Acts on one image in ten, by the generator that it is given."""

    def __init__(self, draw):
        self.draw = draw

    def transform(self, results):
        if self.draw() < 0.1:
            results['img'] = results['img'] + 1
        return results


FLIP = dict(type='RandomFlip', prob=0.5)
RESIZE = dict(type='Resize', scale=(SIZE, SIZE))
JITTER = dict(type='mmpretrain.ColorJitter', brightness=0.5)
AUTO = dict(type='mmpretrain.AutoAugment', policies='imagenet')
RANDOM = {
    'jitter': torchvision('ColorJitter', brightness=0.9),
    'policies': torchvision('RandAugment', magnitude=25),
    'trivial': torchvision('TrivialAugmentWide'),
    'mixture': torchvision('AugMix'),
    'blur': torchvision('GaussianBlur', kernel_size=3, sigma=(0.1, 5)),
    'elastic': torchvision('ElasticTransform', alpha=90.0, sigma=0.5),
    'torchvision wrapper': torchvision(
        'RandomApply', transforms=[transforms.ColorJitter(0.5)], p=0.2
    ),
    'policies of mmpretrain': [AUTO],
    'flip': [FLIP],
    'apply': [dict(type='RandomApply', prob=0.1, transforms=[JITTER])],
    'choice': [dict(type='RandomChoice', transforms=[[JITTER], [RESIZE, FLIP]])],
    "Python's generator": [Brighten(random.random)],
    'a generator of its own': [Brighten(np.random.default_rng(0).random)],
}
# wrappers in which one step gives a size and the other is random
WRAPPED = {
    'sequence': [dict(type='Compose', transforms=[RESIZE, FLIP])],
    'mapper': [
        dict(
            type='KeyMapper',
            mapping=dict(img='img'),
            auto_remap=True,
            transforms=[JITTER, RESIZE],
        )
    ],
    'views': [
        dict(
            type='mmpretrain.MultiView',
            num_views=[2, 1],
            transforms=[[RESIZE, FLIP, AUTO], [JITTER, RESIZE]],
        ),
        lambda results: {**results, 'img': results['img'][2]},
    ],
    'broadcaster': [
        lambda results: {**results, 'gt_bboxes': np.array([[1.0, 1, 4, 4]])},
        lambda results: {**results, 'proposals': results['gt_bboxes'].copy()},
        dict(type='mmdet.ProposalBroadcaster', transforms=[FLIP, RESIZE]),
    ],
    'torchvision': torchvision(
        'Compose',
        transforms=[transforms.ColorJitter(0.5), transforms.Resize((SIZE, SIZE))],
    ),
}


def source_of(steps, **settings):
    pipeline = [dict(type='ddas_mm.DDASAugment'), *steps, dict(type='ToyPack')]
    return DATASETS.build(dict(type='ToyDataset', pipeline=pipeline, **settings))


def image_of(sample):
    return sample['inputs'].permute(1, 2, 0).numpy()


@pytest.mark.parametrize('name', RANDOM)
def test_random_steps_are_found_by_what_they_do(name):
    source = source_of(RANDOM[name])
    state = np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    dataset = ValidationDataset(source, range(6), seed=0)
    assert (np.random.get_state()[1] == state[0]).all()  # noqa: NPY002
    assert random.getstate() == state[1]
    for index in range(6):
        image = source.get_data_info(index)['img']
        np.testing.assert_array_equal(image_of(dataset[index]), image)


@pytest.mark.parametrize('name', WRAPPED)
def test_wrappers_lose_their_random_parts_alone(name):
    source = source_of(WRAPPED[name])
    before = repr(source.pipeline)
    dataset = ValidationDataset(source, range(6), seed=0)
    assert repr(source.pipeline) == before  # S_train's is the same object
    for index in range(6):
        image = source.get_data_info(index)['img']
        found = image_of(dataset[index])
        assert found.shape == (SIZE, SIZE, 3)
        if name != 'torchvision':  # which smooths
            np.testing.assert_array_equal(found, cv2.resize(image, (SIZE, SIZE)))
        again = ValidationDataset(source, range(6), seed=1)[index]
        np.testing.assert_array_equal(image_of(again), found)


def test_steps_that_draw_nothing_stay_whatever_their_name():
    only = dict(type='RandomChoiceResize', scales=[(SIZE, SIZE)])
    dataset = ValidationDataset(source_of([only, FLIP]), range(6), seed=0)
    assert image_of(dataset[0]).shape == (SIZE, SIZE, 3)
    assert dataset.left_out == ['RandomFlip']


@pytest.mark.parametrize(
    'rare',
    [
        dict(type='RandomFlip', prob=1e-9),
        Brighten(lambda: 1 + random.random()),
        Brighten(lambda: 1 + torch.rand(())),
    ],
    ids=['by mark', 'by Python', 'by torch'],
)
def test_randomness_counts_where_the_tried_images_do_not_show_it(rare):
    dataset = ValidationDataset(source_of([rare]), range(6), seed=0)
    (pack,) = dataset.pipelines[0].transforms
    assert isinstance(pack, toy.ToyPack)


@pytest.mark.parametrize('name', ['jitter', 'apply', 'a generator of its own'])
def test_pipeline_given_for_s_val_is_refused_by_the_names_of_random_steps(name):
    pipeline = [*RANDOM[name], dict(type='ToyPack')]
    source = DATASETS.build(dict(type='ToyDataset', pipeline=pipeline))
    names = 'ColorJitter|RandomApply|Brighten'
    with pytest.raises(SettingError, match=f'dataset.pipeline draws.* ({names}),'):
        ValidationDataset(source, range(6), seed=0, as_given=True)


def test_pipeline_given_for_s_val_stays_as_it_is():
    turn = dict(type='mmpretrain.Rotate', angle=90, prob=1.0, random_negative_prob=0.0)
    source = DATASETS.build(
        dict(type='ToyDataset', pipeline=[turn, dict(type='ToyPack')])
    )
    dataset = ValidationDataset(source, range(6), seed=0, as_given=True)
    image = torch.from_numpy(source.get_data_info(2)['img'])
    turned = image.rot90(-1).numpy()  # clockwise
    np.testing.assert_array_equal(image_of(dataset[2]), turned)
