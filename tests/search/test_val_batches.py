"""Mini-batches of S_val: not mixed, not random, and of one size."""

import re

import cv2
import mmdet.models
import mmdet.structures
import mmpretrain.models
import mmpretrain.structures
import pytest
import torch
from mmengine.model import BaseDataPreprocessor
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from ddas_mm.cli.run import run
from ddas_mm.search.original import drop_batch_augments
from tests import toy
from tests.told import told

MIXING = [dict(type='Mixup', alpha=0.8), dict(type='CutMix', alpha=1.0)]


def test_mixing_of_mini_batches_is_left_out():
    settings = dict(augments=MIXING, probs=[0.5, 0.4])
    preprocessor = mmpretrain.models.ClsDataPreprocessor(
        num_classes=3, batch_augments=settings
    )
    module = nn.ModuleDict({'data_preprocessor': preprocessor})
    assert drop_batch_augments(module) == ['Mixup', 'CutMix']
    assert drop_batch_augments(module) == []
    images = torch.randint(256, (4, 3, 8, 8), dtype=torch.uint8)
    samples = [mmpretrain.structures.DataSample().set_gt_label(i % 3) for i in range(4)]
    made = preprocessor(dict(inputs=images, data_samples=samples), True)
    assert torch.equal(made['inputs'], images.float())
    for i, sample in enumerate(made['data_samples']):  # soft, as the loss expects them
        assert sample.gt_score.tolist() == [float(k == i % 3) for k in range(3)]
        assert sample.gt_score.is_floating_point()


def test_images_larger_than_a_fixed_size_are_not_cut():
    init_default_scope('mmdet')
    steps = [
        dict(type='BatchSyncRandomResize', random_size_range=(32, 64)),
        dict(type='BatchFixedSizePad', size=(48, 48)),
    ]
    preprocessor = mmdet.models.DetDataPreprocessor(batch_augments=steps)
    module = nn.ModuleDict({'detector': nn.ModuleDict({'pre': preprocessor})})
    assert drop_batch_augments(module) == ['BatchSyncRandomResize', 'BatchFixedSizePad']
    image = torch.randint(256, (3, 40, 60), dtype=torch.uint8)
    sample = mmdet.structures.DetDataSample(metainfo=dict(img_shape=(40, 60)))
    made = preprocessor(dict(inputs=[image], data_samples=[sample]), True)
    assert torch.equal(made['inputs'], image[None].float())


@MODELS.register_module()
class NoisyModel(toy.ToyModel):
    def __init__(self):
        super().__init__()
        self.data_preprocessor = NoisyPreprocessor()


class NoisyPreprocessor(BaseDataPreprocessor):
    def forward(self, data, training=False):
        data = super().forward(data, training)
        noise = torch.randn(data['inputs'].shape) if training else 0
        return {**data, 'inputs': data['inputs'] + noise}


@MODELS.register_module()
class StackingModel(toy.ToyModel):
    def __init__(self):
        super().__init__()
        self.data_preprocessor = StackingPreprocessor()


class StackingPreprocessor(BaseDataPreprocessor):
    """As mmseg's: it takes lists, and stacks what it expects to be equal."""

    def forward(self, data, training=False):
        data = super().forward(data, training)
        labels = torch.as_tensor(data['labels'])
        return {'inputs': torch.stack(data['inputs']), 'labels': labels}


def test_preprocessor_that_draws_random_numbers_is_refused(
    tmp_path, capsys, monkeypatch
):
    config = toy.search_config(tmp_path / 'work', **{'model.type': 'NoisyModel'})
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert 'data_preprocessor of type NoisyPreprocessor changes' in sentence


def of_two_sizes(results):
    """As a resize that keeps the ratio of images of several shapes."""
    width = toy.SIDE + 4 * (results['sample_idx'] % 3 == 0)
    results['img'] = cv2.resize(results['img'], (width, toy.SIDE))
    return results


@pytest.mark.parametrize(
    ('model', 'collate'),
    [('ToyModel', 'default_collate'), ('StackingModel', 'pseudo_collate')],
)
def test_images_that_cannot_be_stacked_end_in_a_sentence(
    tmp_path, capsys, monkeypatch, model, collate
):
    config = toy.search_config(tmp_path / 'work', **{'model.type': model})
    config.train_dataloader.collate_fn.type = collate
    config.train_dataloader.dataset.pipeline.insert(1, of_two_sizes)
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert re.search(
        r'\(12 x 8, 8 x 8\); set train_cfg.policy_dataloader.batch_size=1', sentence
    )
