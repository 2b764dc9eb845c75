"""Searches of mmseg's training configs as they are shipped, and their trainings."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from ddas_mm.derive.schedule import PAPER
from ddas_mm.errors import SettingError
from tests import toy
from tests.derive.test_derive import derived, training, types
from tools import search, train

pytest.importorskip('mmseg', reason=toy.NO_MMSEG)
NETWORKS = {
    'unet': 'unet/unet-s5-d16_fcn_4xb4-40k_chase-db1-128x128.py',
    'fcn': 'fcn/fcn_r18-d8_4xb2-80k_cityscapes-512x1024.py',
    'deeplabv3plus': 'deeplabv3plus/deeplabv3plus_r50-d8_4xb4-80k_ade20k-512x512.py',
    'segformer': 'segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py',
}
PLAN = replace(PAPER['segmentation'], num_train=600, num_val=40, epochs=6)


def shipped(name, **options):
    return training(f'mmseg/{NETWORKS[name]}', **options)


@pytest.mark.parametrize('name', NETWORKS)
def test_shipped_config_has_a_search(name):
    config = shipped(name)
    search_config = derived(config, PLAN)
    loader = search_config.train_dataloader
    assert loader.sampler.type == 'DefaultSampler'
    assert types(loader.dataset.pipeline)[:3] == [
        *('LoadImageFromFile', 'LoadAnnotations', 'ddas_mm.DDASAugment')
    ]
    assert loader.dataset.pipeline[1] == config.train_pipeline[1]  # reduce_zero_label
    assert types(search_config.train_cfg.policy_dataloader.dataset.pipeline) == [
        *('LoadImageFromFile', 'LoadAnnotations', 'Resize', 'CenterCrop'),
        'PackSegInputs',
    ]
    assert search_config.log_processor.by_epoch
    assert search_config.default_hooks.checkpoint.get('by_epoch', True)
    assert search_config.model == config.model  # class weights, ignore_index
    assert search_config.optim_wrapper == config.optim_wrapper
    steps = PLAN.epochs * PLAN.num_train / config.train_dataloader.batch_size
    assert max(s['end'] for s in search_config.param_scheduler) == steps
    assert 'constants' not in search_config.train_cfg.space  # 255 is the default


def test_maps_are_filled_with_what_the_head_ignores():
    config = shipped('fcn')
    config.model.decode_head.ignore_index = 0
    assert derived(config, PLAN).train_cfg.space.constants == dict(seg_fill=0)


def test_crops_of_one_number_are_squares():
    config = shipped('segformer')
    config.train_dataloader.dataset.pipeline[3].crop_size = 96
    pipeline = derived(config, PLAN).train_cfg.policy_dataloader.dataset.pipeline
    assert pipeline[-2].crop_size == (96, 96)


SIZES = [(64, 80), (80, 64), (56, 100), (72, 72), (50, 64), (64, 50)]
# How the data sets name their files, and which labels stand for nothing, dark, bright.
FORMS = {
    'unet': ('.png', '_1stHO.png', (0, 0, 1)),
    'segformer': ('.jpg', '.png', (0, 1, 2)),
    'deeplabv3plus': ('.jpg', '.png', (0, 1, 2)),
}


def write_data(name):
    """Write six images of unequal size, half dark and half bright, below data/."""
    suffix, map_suffix, labels = FORMS[name]
    for part in ('training', 'validation'):
        for i, size in enumerate(SIZES):
            seg_map = np.full(size, labels[1], np.uint8)
            seg_map[: size[0] // 2] = labels[2]
            seg_map[-3:] = labels[0]
            image = np.random.default_rng(i).integers(0, 60, (*size, 3), np.uint8)
            image[: size[0] // 2] += 150
            _write(f'data/images/{part}/{i}{suffix}', image)
            _write(f'data/annotations/{part}/{i}{map_suffix}', seg_map)


def _write(path, image):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(path, image)


def small(name):
    """Options for small pictures and a start from scratch, in search and training."""
    dataset = 'train_dataloader.dataset' + '.dataset' * (name == 'unet')
    options = {
        f'{dataset}.pipeline.2.scale': '(64,48)',
        f'{dataset}.pipeline.3.crop_size': '(32,32)',
        'val_dataloader.dataset.pipeline.1.scale': '(64,48)',
        'train_dataloader.batch_size': 2,
        'train_dataloader.num_workers': 0,
        'val_dataloader.num_workers': 0,
        'model.data_preprocessor.size': '(32,32)',
        'model.pretrained': None,
        'model.backbone.init_cfg': None,
        'log_level': 'WARNING',
    }
    if name != 'segformer':
        options['model.auxiliary_head'] = None
    if name == 'unet':
        options |= {f'model.decode_head.{k}': 8 for k in ('channels', 'in_channels')}
        options['model.backbone.base_channels'] = 8
        options['model.test_cfg.crop_size'] = '(32,32)'  # it slides
        options['model.test_cfg.stride'] = '(21,21)'
    return [f'{key}={value}' for key, value in options.items()]


def run(monkeypatch, tool, *arguments):
    monkeypatch.setattr(sys, 'argv', ['tool.py', *map(str, arguments)])
    tool.main()


@pytest.mark.parametrize(
    ('name', 'space', 'operations'),  # one level of each is left by so few steps
    [
        ('segformer', 'coco', 16),  # without the seven that act on boxes only
        pytest.param('unet', 'segmentation', 20, marks=pytest.mark.slow),
        pytest.param('deeplabv3plus', 'segmentation', 20, marks=pytest.mark.slow),
    ],
)
def test_shipped_config_is_searched_and_its_training_logs_miou(
    name, space, operations, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_data(name)
    path = Path(shipped(name).filename)
    sizes = ['--num-train', 4, '--num-val', 2, '--epochs', 1]
    options = ['--data-root', 'data', '--cfg-options', *small(name)]
    run(monkeypatch, search, path, '--space', space, *sizes, *options)
    work = Path('work_dirs') / f'search_{path.stem}'
    policy = json.loads((work / 'policy.json').read_text())
    assert len(policy['candidates']) == operations
    assert not any('Only_BBoxes' in name for name, _ in policy['candidates'])
    assert policy['constants']['seg_fill'] == 255

    retrain = work / f'retrain_{path.stem}.py'
    emitted = Config.fromfile(retrain)
    assert emitted.train_cfg.type == 'IterBasedTrainLoop'
    assert emitted.train_dataloader.sampler.type == 'InfiniteSampler'
    short = ['train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'log_level=INFO']
    options = ['--work-dir', 'trained', '--cfg-options', *short]
    run(monkeypatch, train, retrain, *options, 'val_evaluator.iou_metrics=[mIoU]')
    (log,) = Path('trained').glob('*/*.log')
    told = re.search(r'Iter\(val\) \[6/6\] .* mIoU: (\S+)', log.read_text())
    assert 0 <= float(told[1]) <= 100


def test_a_head_that_would_learn_filled_places_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_data('segformer')
    command = [shipped('segformer').filename, '--space', 'segmentation']
    options = [*small('segformer'), 'model.decode_head.ignore_index=3']
    options.append('train_cfg.space.constants.seg_fill=255')
    with pytest.raises(SettingError, match='decode_head ignores class 3, .*seg_fill=3'):
        run(
            monkeypatch,
            *(search, *command, '--data-root', 'data', '--cfg-options', *options),
        )
