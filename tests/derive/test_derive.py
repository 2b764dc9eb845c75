"""Searches derived from ordinary training configs of mmdet and mmpretrain."""

import copy
import importlib.util
import json
import math
import re
import sys
from dataclasses import replace
from pathlib import Path

import mmcv
import mmengine.registry
import numpy as np
import pytest
import torch
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS, init_default_scope
from mmengine.utils import digit_version

from ddas_mm.cli import commands
from ddas_mm.config import config_text, type_name
from ddas_mm.derive.augment import mark_training
from ddas_mm.derive.data import val_pipeline
from ddas_mm.derive.schedule import (
    PAPER,
    fitted_levels,
    fitted_sizes,
    policy_rate,
    rate_and_batch,
    scaled_schedule,
)
from ddas_mm.derive.search import derive_search
from ddas_mm.errors import SettingError
from ddas_mm.search.checks import check_optimizer
from ddas_mm.search.original import drop_batch_augments
from tests import toy
from tools import search, train
from tools.analysis_tools import benchmark_search, browse_augment

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
DETECTION = ['LoadImageFromFile', 'LoadAnnotations', 'ddas_mm.DDASAugment', 'Resize']
PLAN = replace(PAPER['coco'], num_train=600, num_val=40, epochs=6)


def training(name, **options):
    package, _, path = name.partition('/')
    root = Path(importlib.util.find_spec(package).origin).parent
    config = Config.fromfile(root / '.mim/configs' / path)
    config.merge_from_dict(options)
    return config


def derived(config, plan=PLAN):
    return derive_search(mark_training(config), plan, 'net.py')


def types(pipeline):
    return [step['type'] for step in pipeline]


RETINANET = 'mmdet/retinanet/retinanet_r18_fpn_1x_coco.py'


@pytest.mark.parametrize(
    ('name', 'begin'),
    [
        (RETINANET, DETECTION),
        ('mmdet/mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py', DETECTION),
        ('mmdet/faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py', DETECTION),
        (
            'mmpretrain/resnet/resnet18_8xb16_cifar10.py',  # it holds arrays
            ['ddas_mm.DDASAugment', 'RandomCrop'],
        ),
        (
            'mmpretrain/resnet/resnet50_8xb32_in1k.py',
            ['LoadImageFromFile', 'ddas_mm.DDASAugment', 'RandomResizedCrop'],
        ),
    ],
)
def test_policies_act_behind_loading_in_search_and_training(name, begin):
    marked = mark_training(training(name))
    config = derive_search(marked, PLAN, 'net.py')
    for found in (marked, config):
        steps = types(found.train_dataloader.dataset.pipeline)
        assert steps[: len(begin)] == begin
        assert steps.count('ddas_mm.DDASAugment') == 1
    assert marked.train_pipeline == marked.train_dataloader.dataset.pipeline
    assert config.train_cfg.type == 'ddas_mm.DDASLoop'
    assert config.train_cfg.proxy == dict(num_train=600, num_val=40, seed=0)
    assert config.train_cfg.policy_follows_lr is False
    assert {config[f'val_{part}'] for part in ('dataloader', 'cfg', 'evaluator')} == {
        None
    }
    assert config.custom_hooks[-1] == dict(
        type='ddas_mm.DDASHook', smooth=6, retrain='net.py'
    )
    assert marked.train_cfg.max_epochs in (12, 100, 200)  # as it was


def test_arrays_of_cifar_are_rgb():
    config = derived(training('mmpretrain/resnet/resnet18_8xb16_cifar10.py'))
    assert config.train_cfg.space.constants == dict(channel_order='rgb')
    assert 'constants' not in derived(training(RETINANET)).train_cfg.space


def test_size_of_s_val_comes_from_the_evaluation_where_training_crops_at_random():
    config = derived(training('mmpretrain/resnet/resnet50_8xb32_in1k.py'))
    pipeline = config.train_cfg.policy_dataloader.dataset.pipeline
    assert types(pipeline) == [
        *('LoadImageFromFile', 'ResizeEdge', 'CenterCrop', 'PackInputs')
    ]


def test_boxes_of_s_val_are_loaded_before_the_image_is_resized():
    config = derived(
        training('mmdet/faster_rcnn/faster-rcnn_r50_fpn_ms-3x_coco.py')
    )  # RandomResize
    pipeline = config.train_cfg.policy_dataloader.dataset.pipeline
    steps = ['LoadImageFromFile', 'LoadAnnotations', 'Resize', 'PackDetInputs']
    assert types(pipeline) == steps
    assert 'meta_keys' not in pipeline[-1]  # packed as in training


def test_fixed_size_needs_no_pipeline_of_its_own():
    assert 'dataset' not in derived(training(RETINANET)).train_cfg.policy_dataloader


def steps_of_s_val(name):
    init_default_scope('mmpretrain')
    found = derived(training(f'mmpretrain/{name}')).train_cfg.policy_dataloader
    return found.dataset.pipeline


@pytest.mark.parametrize(('height', 'width'), [(40, 60), (60, 40), (50, 50)])
def test_random_size_without_an_evaluation_is_that_of_the_middle_square(height, width):
    *_, crop, pack = steps_of_s_val(
        'mae/mae_vit-base-p16_8xb512-amp-coslr-300e_in1k.py'
    )
    crop.scale, crop.backend = 20, 'cv2'
    image = np.random.default_rng(0).integers(256, size=(height, width, 3))
    image = image.astype(np.uint8)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = image[top : top + side, left : left + side]
    expected = mmcv.imresize(middle, (20, 20), interpolation='bicubic')
    found = Compose([crop])({'img': image})['img']
    np.testing.assert_array_equal(found, expected)
    assert pack.type == 'PackInputs'


def test_crops_of_torchvision_are_the_middle_ones_too():
    steps = steps_of_s_val('mff/mff_vit-base-p16_8xb512-amp-coslr-300e_in1k.py')
    names = ['ToPIL', 'torchvision/Resize', 'torchvision/CenterCrop', 'ToNumpy']
    assert types(steps) == ['LoadImageFromFile', *names, 'PackInputs']


def test_masks_and_views_that_a_loss_needs_are_drawn_once_per_image():
    steps = steps_of_s_val('beit/beit_beit-base-p16_8xb256-amp-coslr-300e_in1k.py')
    assert types(steps) == ['LoadImageFromFile', 'ddas_mm.FixedDraws', 'PackInputs']
    fixed = Compose(steps[1:2])
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(2, 300, 300, 3), dtype=np.uint8)
    made = [fixed({'img': image.copy()}) for image in (*images, *images)]
    for one, again in zip(made[:2], made[2:], strict=True):
        pairs = zip(
            (*one['img'], one['mask']), (*again['img'], again['mask']), strict=True
        )
        assert all(np.array_equal(*pair) for pair in pairs)
    assert (made[0]['mask'] != made[1]['mask']).any()
    (views,) = steps_of_s_val('simclr/simclr_resnet50_8xb32-coslr-200e_in1k.py')[1:2]
    assert types(views.transforms) == ['MultiView']


def test_random_sizes_inside_wrappers_count_too():
    config = training(RETINANET)
    pipeline = config.train_dataloader.dataset.pipeline
    random_size = dict(type='RandomResize', scale=(160, 160), ratio_range=(0.5, 2))
    albu = dict(type='Albu', transforms=[dict(type='RandomScale')])
    for wrapper in (dict(type='RandomApply', transforms=[random_size]), albu):
        config.train_dataloader.dataset.pipeline = [*pipeline[:2], wrapper]
        found = derived(config).train_cfg.policy_dataloader.dataset.pipeline
        assert types(found)[2] == 'Resize'


def test_segmentation_maps_of_s_val_are_cut_to_the_size_of_the_crops_in_training():
    load = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
    crop = dict(type='RandomCrop', crop_size=(6, 10))
    pack = dict(type='PackSegInputs')
    size = dict(type='Resize', scale=(20, 8), keep_ratio=True)
    augment = dict(type='ddas_mm.DDASAugment')
    pipeline = val_pipeline(
        [*load, augment, crop, pack], [load[0], size, load[1], pack]
    )
    assert types(pipeline)[3:] == ['CenterCrop', 'PackSegInputs']
    init_default_scope('mmengine')  # mmcv's steps, whatever another test has left
    steps = Compose(pipeline[2:4])
    for height, width in ((8, 30), (30, 8), (16, 16)):
        image = np.full((height, width, 3), 7, np.uint8)
        made = steps({'img': image, 'gt_seg_map': image[..., 0]})
        assert made['img'].shape == (6, 10, 3)
        assert ((made['gt_seg_map'] == 255) == (made['img'][..., 0] == 0)).all()


def test_mixing_with_probabilities_leaves_a_model_that_can_be_built():
    config = training('mmpretrain/resnet/resnet18_8xb32_in1k.py')
    mixing = [dict(type='Mixup', alpha=0.8), dict(type='CutMix', alpha=1.0)]
    config.model.train_cfg = dict(augments=mixing, probs=[0.5, 0.5])
    init_default_scope('mmpretrain')
    model = MODELS.build(derived(config).model)
    assert drop_batch_augments(model) == ['Mixup', 'CutMix']


def test_schedule_keeps_its_shape():
    """12 epochs with drops at 8 and 11, at half the length; 240 steps in all."""
    warm_up = dict(type='LinearLR', by_epoch=False, begin=0, end=500)
    drops = dict(type='MultiStepLR', by_epoch=True, milestones=[8, 11], end=12)
    length = dict(max_epochs=12)
    scaled = scaled_schedule([warm_up, drops], length, 6, 240)
    assert scaled[0]['end'] == 24  # a tenth of the search
    assert (scaled[1]['milestones'], scaled[1]['end']) == ([4, 6], 6)
    assert scaled_schedule([warm_up], length, 6, 90_000)[0]['end'] == 500
    assert scaled_schedule([warm_up], length, 1, 15) == []  # would never end


def test_schedules_of_fractions_of_an_epoch_count_iterations():
    warm_up = dict(type='LinearLR', by_epoch=True, begin=0, end=5)
    cosine = dict(type='CosineAnnealingLR', T_max=95, by_epoch=True, begin=5, end=100)
    scaled = scaled_schedule([warm_up, cosine], dict(max_epochs=100), 10, 1000)
    assert [(s['begin'], s['end']) for s in scaled] == [(0, 0.5), (0.5, 10)]
    assert scaled[1]['T_max'] == 9.5
    assert all(s['convert_to_iter_based'] for s in scaled)


def test_schedule_of_iterations_is_scaled_to_the_steps_of_the_search():
    drops = dict(type='MultiStepLR', by_epoch=False, milestones=[60, 80], end=90)
    (scaled,) = scaled_schedule(drops, dict(max_iters=90), 2, 30)
    assert (scaled['milestones'], scaled['end']) == ([20, 27], 30)


def test_schedule_that_follows_the_validation_is_refused():
    with pytest.raises(SettingError, match='ReduceOnPlateauLR follows the validation'):
        scaled_schedule(dict(type='ReduceOnPlateauLR'), dict(max_epochs=1), 1, 9)


def test_iteration_based_training_is_searched_by_epochs():
    config = derived(training('mmdet/yolof/yolof_r50-c5_8xb8-iter-1x_coco.py'))
    assert config.train_dataloader.sampler.type == 'DefaultSampler'
    assert config.log_processor.by_epoch
    assert 'by_epoch' not in config.default_hooks.checkpoint


def test_repeating_wrappers_are_left_out_of_the_search_alone():
    marked = mark_training(
        training('mmdet/lvis/mask-rcnn_r50_fpn_sample1e-3_ms-1x_lvis-v1.py')
    )
    assert marked.train_dataloader.dataset.type == 'ClassBalancedDataset'
    inner = marked.train_dataloader.dataset.dataset.pipeline
    assert types(inner)[2] == 'ddas_mm.DDASAugment'
    assert derive_search(marked, PLAN, 'net.py').train_dataloader.dataset.type == (
        'LVISV1Dataset'
    )


def test_mixing_images_is_left_out_of_the_search_alone():
    marked = mark_training(training('mmdet/yolox/yolox_s_8xb8-300e_coco.py'))
    dataset = marked.train_dataloader.dataset
    assert types(dataset.pipeline)[0] == 'Mosaic'
    assert types(dataset.dataset.pipeline) == [*DETECTION[:3]]
    config = derive_search(marked, PLAN, 'net.py')
    assert types(config.train_dataloader.dataset.pipeline) == [
        *DETECTION[:3],
        *('YOLOXHSVRandomAug', 'RandomFlip', 'Resize', 'Pad', 'FilterAnnotations'),
        'PackDetInputs',
    ]
    assert [hook.type for hook in config.custom_hooks] == ['ddas_mm.DDASHook']


LEAF = dict(type='A', pipeline=[dict(type='LoadImageFromFile'), dict(type='B')])
LOADED = ['LoadImageFromFile', 'ddas_mm.DDASAugment', 'B']
WRAPPED = {
    'plain': (LEAF, [LOADED]),
    'repeated': (dict(type='RepeatDataset', times=2, dataset=LEAF), [LOADED]),
    'balanced': (dict(type='ClassBalancedDataset', dataset=LEAF), [LOADED]),
    'joined': (dict(type='ConcatDataset', datasets=[LEAF, LEAF]), [LOADED] * 2),
    'joined of repeated': (
        dict(
            type='ConcatDataset',
            datasets=[dict(type='RepeatDataset', times=2, dataset=LEAF), LEAF],
        ),
        [LOADED] * 2,
    ),
    'repeated of joined': (
        dict(
            type='RepeatDataset',
            dataset=dict(type='ConcatDataset', datasets=[LEAF, LEAF]),
        ),
        [LOADED] * 2,
    ),
    'mixed twice': (
        dict(
            type='MultiImageMixDataset',
            dataset=LEAF,
            pipeline=[dict(type='MixUp'), dict(type='C')],
        ),
        [[*LOADED, 'C']],
    ),
}


@pytest.mark.parametrize('name', WRAPPED)
def test_steps_of_a_wrapper_that_mixes_follow_those_of_every_data_set_in_it(name):
    inner, begins = WRAPPED[name]
    config = training(RETINANET)
    config.train_dataloader.dataset = dict(
        type='MultiImageMixDataset',
        dataset=inner,
        pipeline=[dict(type='Mosaic'), dict(type='RandomAffine'), dict(type='Pack')],
    )
    marked = mark_training(config)
    dataset = derive_search(marked, PLAN, 'net.py').train_dataloader.dataset
    leaves = dataset.get('datasets') or [dataset]
    assert [types(leaf.pipeline) for leaf in leaves] == [[*b, 'Pack'] for b in begins]
    outer = marked.train_dataloader.dataset  # the training mixes on
    assert types(outer.pipeline) == ['Mosaic', 'RandomAffine', 'Pack']


def registered(name, scope):
    """The class or function that a config's text names."""
    for registry in vars(mmengine.registry).values():
        if isinstance(registry, mmengine.registry.Registry):
            with registry.switch_scope_and_registry(scope) as scoped:
                found = scoped.get(name)
            if found is not None:
                return found
    return name


def with_classes(value, scope):
    """A config in the style that has classes where others have their names."""
    if isinstance(value, dict):
        items = {key: with_classes(item, scope) for key, item in value.items()}
        if isinstance(items.get('type'), str):
            items['type'] = registered(items['type'], scope)
        return items
    if isinstance(value, (list, tuple)):
        return type(value)(with_classes(item, scope) for item in value)
    return value


def with_names(value):
    if isinstance(value, dict):
        items = {key: with_names(item) for key, item in value.items()}
        return {**items, 'type': type_name(items)} if 'type' in items else items
    if isinstance(value, (list, tuple)):
        return [with_names(item) for item in value]
    return value


@pytest.mark.parametrize(
    'name',
    [
        RETINANET,
        'mmdet/mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py',
        'mmdet/lvis/mask-rcnn_r50_fpn_sample1e-3_ms-1x_lvis-v1.py',
        'mmdet/yolox/yolox_s_8xb8-300e_coco.py',
        'mmdet/yolof/yolof_r50-c5_8xb8-iter-1x_coco.py',
        'mmdet/rtmdet/rtmdet_s_8xb32-300e_coco.py',
        'mmpretrain/resnet/resnet18_8xb16_cifar10.py',
        'mmpretrain/resnet/resnet50_8xb32_in1k.py',
    ],
)
def test_classes_in_a_config_are_as_good_as_their_names(name):
    config = training(name)
    scope = config.default_scope
    pure = Config(with_classes(config.to_dict(), scope), filename=config.filename)
    pure.default_scope = None  # as in the pure-Python configs of mmdet and mmpretrain
    assert not isinstance(pure.train_dataloader.dataset.type, str)
    expected, found = derived(config), derived(pure)
    for key in ('train_cfg', 'optim_wrapper', 'param_scheduler', 'custom_hooks'):
        assert with_names(found[key]) == with_names(expected[key])
    loaders = [with_names(c.train_dataloader) for c in (found, expected)]
    assert loaders[0] == loaders[1]
    assert found.derived_from.changes == expected.derived_from.changes
    again = Config.fromstring(config_text(found), '.py')
    assert with_names(again.train_dataloader) == loaders[0]


def test_arrays_in_a_config_are_marked_around():
    config = training(RETINANET)
    step = dict(type='Normalize', mean=np.arange(3.0), std=np.ones(3))
    pipeline = [*config.train_pipeline, step]
    config.train_pipeline = pipeline
    config.train_dataloader.dataset.pipeline = copy.deepcopy(pipeline)
    config.note = np.arange(3.0)
    marked = mark_training(config)
    steps = marked.train_dataloader.dataset.pipeline
    for found in (marked.train_pipeline, steps):
        assert [type_name(one) for one in found].count('DDASAugment') == 1
    np.testing.assert_array_equal(marked.note, np.arange(3.0))


def test_pipelines_that_hooks_switch_to_hold_the_policy_too():
    marked = mark_training(training('mmdet/rtmdet/rtmdet_s_8xb32-300e_coco.py'))
    (switch,) = (h for h in marked.custom_hooks if 'switch_pipeline' in h)
    assert types(switch.switch_pipeline)[:3] == DETECTION[:3]


@pytest.mark.parametrize(
    ('dataset', 'message'),
    [
        (
            dict(
                type='Wrapper',
                dataset=dict(type='A', pipeline=[dict(type='LoadImage')]),
            ),
            'wrapper Wrapper',
        ),
        (dict(type='A'), "'A' has no pipeline"),
        (
            dict(
                type='A',
                pipeline=[dict(type='Apply', transforms=[dict(type='LoadImage')])],
            ),
            'loads its images inside Apply',
        ),
    ],
)
def test_data_that_cannot_be_searched_is_refused(dataset, message):
    config = training(RETINANET)
    config.train_dataloader.dataset = dataset
    with pytest.raises(SettingError, match=message):
        derived(config)


def test_mixed_precision_becomes_autocast_and_accumulation_a_smaller_rate():
    config = training(RETINANET)
    config.optim_wrapper.update(
        type='AmpOptimWrapper', loss_scale='dynamic', accumulative_counts=4
    )
    search_config = derived(config)
    assert search_config.train_cfg.amp
    wrapper = search_config.optim_wrapper
    assert wrapper.type == 'OptimWrapper'
    assert wrapper.optimizer.lr == config.optim_wrapper.optimizer.lr / 4
    assert not {'loss_scale', 'accumulative_counts'} & set(wrapper)


class Network(torch.nn.Module):
    """What the shipped configs' rules for single parameters are about."""

    def __init__(self):
        super().__init__()
        self.backbone = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.LayerNorm(4)
        )
        self.query_embed = torch.nn.Embedding(2, 2)

    def get_layer_depth(self, name):
        return 0, 2


@pytest.mark.parametrize(
    'name',
    [
        'mmdet/rtmdet/rtmdet_s_8xb32-300e_coco.py',
        'mmdet/dab_detr/dab-detr_r50_8xb2-50e_coco.py',
        'mmdet/swin/mask-rcnn_swin-t-p4-w7_fpn_1x_coco.py',
        'mmdet/rtmdet/classification/cspnext-m_8xb256-rsb-a1-600e_in1k.py',
        'mmpretrain/simclr/benchmarks/resnet50_8xb512-linear-coslr-90e_in1k.py',
        'mmpretrain/convnext/convnext-tiny_32xb128_in1k.py',
        'mmpretrain/mae/benchmarks/vit-base-p16_8xb128-coslr-100e_in1k.py',
        'mmpretrain/spark/benchmarks/resnet50_8xb256-coslr-300e_in1k.py',
    ],
)
def test_rules_for_single_parameters_give_an_optimiser_to_search_with(name):
    config = training(name)
    init_default_scope(config.default_scope)
    wrapper = build_optim_wrapper(Network(), derived(config).optim_wrapper)
    check_optimizer(wrapper)
    kind = config.optim_wrapper.optimizer.type
    stand_ins = {'Lamb': 'AdamW', 'LARS': 'SGD'}
    assert type(wrapper.optimizer).__name__ == stand_ins.get(kind, kind)


RATES = [
    ({}, 1, r'0.1 at mini-batches of 2 images: as the training has it$'),
    (dict(base_batch_size=2), 1, r'0.1 at .*: as the training has it$'),
    (dict(base_batch_size=8), 2, r'0.1 at .* 4 images: as .* 8 images \(--auto'),
    (dict(enable=False, base_batch_size=8), 1, r'0.1 at mini-batches of 2 images'),
    (dict(enable=True, base_batch_size=8), 2, r'0.05 at .*4 .*scaled from 0.1 at 8'),
]


@pytest.mark.parametrize(('scaling', 'processes', 'expected'), RATES)
def test_learning_rate_is_scaled_only_where_the_training_is(
    scaling, processes, expected
):
    config = training(RETINANET)
    config.auto_scale_lr = scaling
    config.optim_wrapper.optimizer.lr = 0.1
    config.train_dataloader.batch_size = 2
    search_config = derived(config)
    assert search_config.auto_scale_lr == scaling
    assert re.search(expected, rate_and_batch(search_config, processes))


def test_sharded_trainings_are_searched_whole_in_each_process():
    name = 'mmpretrain/mae/benchmarks/vit-large-p16_8xb128-ds-coslr-50e_in1k.py'
    config = training(name)
    search_config = derived(config)
    assert search_config.optim_wrapper.type == 'OptimWrapper'
    assert search_config.optim_wrapper.optimizer == config.optim_wrapper.optimizer
    assert search_config.train_cfg.amp
    assert not {'runner_type', 'strategy'} & set(search_config)
    assert any('DeepSpeed' in line for line in search_config.derived_from.changes)


@pytest.mark.parametrize(
    ('scaling', 'rate'),
    [
        ({}, 0.1 * 8 / 64),  # the training's rate is for its own mini-batch
        (dict(base_batch_size=256), 0.1 * 8 / 256),
        (dict(enable=True, base_batch_size=32), 0.1 * 8 / 32),
    ],
)
def test_large_mini_batches_become_small_ones_at_a_scaled_rate(scaling, rate):
    config = training(RETINANET)
    config.auto_scale_lr = scaling
    config.optim_wrapper.optimizer.lr = 0.1
    config.train_dataloader.batch_size = 64
    search_config = derived(config, replace(PLAN, train_batch=8, val_batch=4))
    assert search_config.train_dataloader.batch_size == 8
    assert search_config.train_cfg.policy_dataloader.batch_size == 4
    assert f'learning rate {rate:g} at' in rate_and_batch(search_config, 1)
    told = '; '.join(search_config.derived_from.changes)
    assert 'mini-batches of 8 images instead of 64, and 4 of S_val' in told
    small = derived(config, replace(PLAN, train_batch=64))
    assert small.train_dataloader.batch_size == 64
    assert small.auto_scale_lr == scaling


def test_adaptive_optimisers_are_kept_and_trust_ratios_left_out():
    config = training('mmdet/rtmdet/rtmdet_s_8xb32-300e_coco.py')
    assert derived(config).optim_wrapper == config.optim_wrapper
    config = training('mmpretrain/resnet/resnet50_8xb256-rsb-a2-300e_in1k.py')
    search_config = derived(config)
    assert config.optim_wrapper.optimizer.type == 'Lamb'
    assert search_config.optim_wrapper.optimizer == dict(
        type='AdamW', lr=0.001, weight_decay=0.02
    )
    (told,) = [line for line in search_config.derived_from.changes if 'Lamb' in line]
    assert told.startswith('AdamW at 0.2 of the rate instead of Lamb')


@pytest.mark.parametrize(
    ('size', 'given', 'expected'),
    [
        (118_000, (None, None), (3000, 1500)),
        (120, (None, None), (80, 40)),
        (120, (100, None), (100, 20)),
        (120, (None, 30), (90, 30)),
    ],
)
def test_sizes_fit_the_training_set(size, given, expected):
    assert fitted_sizes(PAPER['coco'], size, *given) == expected


@pytest.mark.parametrize(
    ('space', 'name', 'processes'),
    [
        ('cifar', 'wrn40-2_cifar10', 1),
        ('svhn', 'wrn40-2_svhn', 1),
        ('imagenet', 'resnet18_imagenet', 1),
        ('coco', 'retinanet_r50_coco', 4),
    ],
)
def test_rates_lead_as_far_as_those_of_the_paper(space, name, processes):
    paper = Config.fromfile(CONFIGS / f'ddas_{name}.py')
    train, plan = paper.train_cfg, PAPER[space]
    share = processes * paper.train_dataloader.batch_size
    steps = train.max_epochs * math.ceil(plan.num_train / share)
    assert policy_rate(plan.op_way, steps) == train.op_lr
    assert policy_rate(plan.total_way, steps) == train.total_lr
    for shorter in (steps // 4, steps // 10):
        ways = [policy_rate(plan.op_way, n) * n for n in (shorter, steps)]
        assert ways[0] == pytest.approx(ways[1], rel=0.01)


def test_noise_of_a_very_short_search_moves_alpha_by_one_at_most():
    assert policy_rate(5.64, 16) == 0.25  # a random walk of 16 steps: 0.25 * 4


@pytest.mark.parametrize(
    ('steps', 'levels'), [(45_000, [4, 6, 8]), (400, [4, 8]), (300, [6]), (10, [6])]
)
def test_a_short_search_has_fewer_levels_and_every_operation(steps, levels):
    assert fitted_levels(PAPER['coco'], steps) == levels


def test_derived_search_tells_that_it_has_fewer_levels():
    plan = replace(PAPER['coco'], num_train=400, num_val=50, epochs=2)
    config = derived(training(RETINANET), plan)  # mini-batches of 2
    assert config.train_cfg.space == dict(name='coco', depth=2, levels=[4, 8])
    assert config.train_cfg.op_lr == 0.0141  # 5.64 / 400
    (told,) = [line for line in config.derived_from.changes if 'levels' in line]
    assert told.startswith('levels [4, 8] instead of [4, 6, 8]: 400 steps do not')
    assert 'levels' not in derived(training(RETINANET), PAPER['coco']).train_cfg.space


# ---- by the command line, on a toy problem


@pytest.fixture
def toy_training(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = toy.search_config(tmp_path)
    dataset = config.train_dataloader.dataset
    dataset.pipeline = dataset.pipeline[1:]  # without DDASAugment
    config.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=7)
    config.custom_hooks = []
    config.custom_imports = dict(imports=['tests.toy'])
    config.pop('work_dir')
    config.dump(tmp_path / 'net.py')
    return tmp_path


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', ['search.py', *map(str, arguments)])
    search.main()


def test_training_config_is_searched_by_one_command(toy_training, monkeypatch):
    options = ['model.norm=False', 'train_cfg.num_policies=2', 'randomness.seed=5']
    command = ['net.py', '--space', 'cifar', '--epochs', 2, '--cfg-options', *options]
    run(monkeypatch, *command)
    work = toy_training / 'work_dirs/search_net'
    policy = json.loads((work / 'policy.json').read_text())
    assert len(policy['total_prob']) == 2
    assert (policy['search']['num_train'], policy['search']['num_val']) == (16, 8)
    emitted = Config.fromfile(work / 'retrain_net.py')
    pipeline = emitted.train_dataloader.dataset.pipeline
    assert types(pipeline) == ['ddas_mm.DDASAugment', 'ToyFlip', 'ToyPack']
    assert pipeline[0].policy.depth == 2
    assert emitted.train_cfg == dict(type='EpochBasedTrainLoop', max_epochs=7)
    assert emitted.model.norm is False  # holds in both

    kept = work / 'search_net.py'  # runs again as it is
    assert Config.fromfile(kept).train_cfg.num_policies == 2
    run(monkeypatch, kept, '--work-dir', 'again')
    again = json.loads((toy_training / 'again/policy.json').read_text())
    assert again['op_probs'] == policy['op_probs']
    assert (toy_training / 'again/retrain_net.py').is_file()


PURE = """
import math
import pathlib
from mmengine.dataset import DefaultSampler, default_collate
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop
from torch.optim import SGD
from tests.toy import ToyDataset, ToyFlip, ToyModel, ToyPack
default_scope = None
model = dict(type=ToyModel, norm=False)
pipeline = [dict(type=ToyFlip), dict(type=ToyPack)]
train_dataloader = dict(
    batch_size=4, num_workers=0, collate_fn=dict(type=default_collate),
    sampler=dict(type=DefaultSampler, shuffle=True),
    dataset=dict(type=ToyDataset, pipeline=pipeline))
train_cfg = dict(type=EpochBasedTrainLoop, max_epochs=1)
optim_wrapper = dict(type=OptimWrapper, optimizer=dict(type=SGD, lr=0.1))
note = dict(limit=-math.inf, unknown=math.nan, place=pathlib.Path('a'))
"""


@pytest.mark.skipif(
    digit_version(mmengine.__version__) < digit_version('0.10.8'),
    reason='MMEngine reads no calls and signs in pure-Python configs before 0.10.8',
)
def test_pure_python_config_is_searched_and_its_emitted_training_trains(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'pure.py').write_text(PURE)
    run(
        monkeypatch,
        *('pure.py', '--space', 'cifar', '--epochs', 1),
        *('--cfg-options', 'model.norm=True', 'log_level=WARNING'),
    )
    work = tmp_path / 'work_dirs/search_pure'
    emitted = Config.fromfile(work / 'retrain_pure.py')
    assert emitted.model == dict(type=toy.ToyModel, norm=True)
    assert (emitted.note.limit, emitted.note.place) == (-math.inf, 'a')
    assert math.isnan(emitted.note.unknown)
    path = work / 'retrain_pure.py'
    monkeypatch.setattr(sys, 'argv', ['train.py', str(path), '--work-dir', 'trained'])
    train.main()
    assert (tmp_path / 'trained/epoch_1.pth').is_file()


@pytest.mark.parametrize(
    ('launcher', 'variable'),
    [
        ('none', 'WORLD_SIZE'),
        ('pytorch', 'WORLD_SIZE'),
        ('slurm', 'SLURM_NTASKS'),
        ('mpi', 'OMPI_COMM_WORLD_SIZE'),
    ],
)
def test_processes_are_counted_as_the_launcher_tells(
    toy_training, monkeypatch, launcher, variable
):
    monkeypatch.setenv(variable, '4')
    started = []
    monkeypatch.setattr(commands, '_run_search', started.append)
    run(monkeypatch, 'net.py', '--space', 'cifar', '--launcher', launcher)
    config = Config.fromfile(started[0].config)
    processes = 1 if launcher == 'none' else 4
    assert config.train_cfg.policy_dataloader.batch_size == 8 // processes
    assert f'mini-batches of {4 * processes} images' in config.derived_from.changes[-1]


class Seen(Exception):
    """Ends a tool where its config is complete."""


@pytest.mark.parametrize('tool', [browse_augment, benchmark_search])
def test_tools_look_at_the_search_that_would_be_started(
    tool, toy_training, monkeypatch
):
    def end(config):
        raise Seen(config)

    options = ['train_dataloader.dataset.size=21', 'model.norm=False']
    command = ['net.py', '--space', 'cifar', '--epochs', '3', '--cfg-options', *options]
    monkeypatch.setattr(benchmark_search, 'bare_runner', end)
    monkeypatch.setattr(browse_augment.Examples, 'from_config', end)
    monkeypatch.setattr(sys, 'argv', ['tool.py', *command])
    with pytest.raises(Seen) as ended:
        tool.main()
    (found,) = ended.value.args
    assert not (toy_training / 'work_dirs').exists()

    started = []
    monkeypatch.setattr(commands, '_run_search', started.append)
    run(monkeypatch, *command)
    config = Config.fromfile(started[0].config)
    assert found.train_cfg.proxy == dict(num_train=14, num_val=7, seed=0)
    for part in ('proxy', 'space', 'max_epochs', 'policy_dataloader'):
        assert found.train_cfg[part] == config.train_cfg[part]
    assert found.train_dataloader.dataset == config.train_dataloader.dataset
    assert found.model == config.model


def test_candidates_of_a_training_config_are_drawn(toy_training, monkeypatch, capsys):
    command = ['net.py', '--space', 'cifar', '--out', 'sheet.png']
    monkeypatch.setattr(sys, 'argv', ['browse_augment.py', *command])
    browse_augment.main()
    assert capsys.readouterr().out.split() == ['sheet.png']
    assert (toy_training / 'sheet.png').is_file()


@pytest.mark.parametrize('tool', [search, browse_augment, benchmark_search])
def test_sizes_of_a_search_are_refused_with_a_search_config(
    tool, tmp_path, monkeypatch
):
    toy.search_config(tmp_path).dump(tmp_path / 'search.py')
    path = str(tmp_path / 'search.py')
    monkeypatch.setattr(sys, 'argv', ['tool.py', path, '--num-val', '3'])
    with pytest.raises(SettingError, match=r'--num-val belongs .* a training config'):
        tool.main()


def test_training_needs_no_space_unless_it_augments_by_a_policy(
    toy_training, monkeypatch, capsys
):
    command = ['browse_augment.py', 'net.py', '--out', 'sheet.png']
    monkeypatch.setattr(sys, 'argv', command)
    browse_augment.main()
    chosen = '--space cifar, as the pipeline loads classes on images of about 8 x 8 '
    assert capsys.readouterr().out == f'{chosen}pixels\nsheet.png\n'
    with Path('net.py').open('a') as file:
        mark = "dict(type='ddas_mm.DDASAugment', policy='policy.json')"
        file.write(f"train_dataloader['dataset']['pipeline'].insert(0, {mark})\n")
    with pytest.raises(SettingError, match='a training config give --space auto, coco'):
        run(monkeypatch, 'net.py')


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['--space', 'cifar', '--epochs', '0'], '--epochs must be at least 1'),
        (
            ['--space', 'cifar', '--cfg-options', 'optim_wrapper.optimizer.type=Rprop'],
            "type must be one of Adam, .* but is 'Rprop'",
        ),
    ],
)
def test_wrong_arguments_leave_nothing(toy_training, monkeypatch, arguments, message):
    with pytest.raises(SettingError, match=message):
        run(monkeypatch, 'net.py', *arguments)
    assert not (toy_training / 'work_dirs').exists()


def test_sizes_that_are_too_large_are_told_by_their_options(toy_training, monkeypatch):
    sizes = ['--num-train', '24', '--num-val', '1']
    with pytest.raises(SettingError, match=r'--num-train and --num-val.*has 24 '):
        run(monkeypatch, 'net.py', '--space', 'cifar', *sizes)
    assert not list((toy_training / 'work_dirs').iterdir())


def test_search_config_with_space_is_refused(tmp_path, monkeypatch):
    toy.search_config(tmp_path).dump(tmp_path / 'search.py')
    with pytest.raises(SettingError, match='is a search config already'):
        run(monkeypatch, tmp_path / 'search.py', '--space', 'coco')


def test_value_that_no_file_can_hold_is_refused_before_the_search(
    toy_training, monkeypatch
):
    with (toy_training / 'net.py').open('a') as file:
        file.write("model['note'] = [1, lambda x: x]\n")
    with pytest.raises(SettingError, match=r'model.note.1 of .*net.py.* is <function'):
        run(monkeypatch, 'net.py', '--space', 'cifar')
    assert not (toy_training / 'work_dirs').exists()
