"""Searches of mmrotate's training configs as they are shipped, and their trainings."""

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from ddas_mm.ops import Sample
from ddas_mm.outcome.pictures import Picture, lay_out_sheet
from tests.derive.test_derive import derived, training, types
from tests.derive.test_segmentation import run
from tests.toy import NO_MMROTATE
from tools import search, train

pytest.importorskip('mmrotate', reason=NO_MMROTATE)
NETWORKS = {
    'retinanet': 'rotated_retinanet/rotated-retinanet-rbox-le90_r50_fpn_1x_dota.py',
    'rtmdet': 'rotated_rtmdet/rotated_rtmdet_tiny-3x-dota.py',
    'gliding': 'gliding_vertex/gliding-vertex-rbox_r50_fpn_1x_dota.py',
}


def write_turned(folder, number, angles=(0, 180), seed=0, size=(64, 64)):
    """Write images of a turned bright rectangle each, and its corners, as DOTA has."""
    rng = np.random.default_rng(seed)
    images, labels = (Path(folder, name) for name in ('images', 'annfiles'))
    for path in (images, labels):
        path.mkdir(parents=True, exist_ok=True)
    height, width = size
    for i in range(number):
        image = rng.integers(0, 60, (height, width, 3), np.uint8)
        middle = rng.uniform((0.4 * width, 0.4 * height), (0.6 * width, 0.6 * height))
        corners = cv2.boxPoints((middle.tolist(), (34, 14), rng.uniform(*angles)))
        cv2.fillPoly(image, [np.round(corners).astype(int)], (200, 220, 180))
        cv2.imwrite(str(images / f'{i}.png'), image)
        words = *corners.ravel().round(2), 'ship', 0
        (labels / f'{i}.txt').write_text(' '.join(map(str, words)) + '\n')


def small(name):
    """Options for small pictures and a start from scratch, in search and training."""
    config = training(f'mmrotate/{NETWORKS[name]}')
    options = {
        'train_dataloader.batch_size': 2,
        'train_dataloader.num_workers': 0,
        'val_dataloader.num_workers': 0,
        'model.backbone.init_cfg': None,
        'log_level': 'WARNING',
    }
    if name == 'rtmdet':  # mmcv has no rotated IoU with a gradient on the CPU
        loss = dict(_delete_=True, type='GDLoss', loss_type='gwd')
        options |= {f'model.bbox_head.loss_bbox.{k}': v for k, v in loss.items()}
    for part in ('train', 'val'):
        steps = config[f'{part}_dataloader'].dataset.pipeline
        for i, step in enumerate(steps):
            key = dict(Resize='scale', Pad='size').get(step.type.rpartition('.')[2])
            if key:
                place = f'{part}_dataloader.dataset.pipeline.{i}.{key}'
                options[place] = '(64,64)'
    return [f'{key}={value}' for key, value in options.items()]


@pytest.mark.parametrize('name', NETWORKS)
def test_shipped_config_has_a_search(name):
    config = training(f'mmrotate/{NETWORKS[name]}')
    search_config = derived(config)
    steps = [step.rpartition('.')[2] for step in types(config.train_pipeline)]
    found = search_config.train_dataloader.dataset.pipeline
    # in the file's corners, before they become rectangles and anything is resized
    steps.insert(2, 'DDASAugment')
    assert steps[:3] == ['LoadImageFromFile', 'LoadAnnotations', 'DDASAugment']
    assert [step.rpartition('.')[2] for step in types(found)] == steps
    assert search_config.model == config.model
    assert 'dataset' not in search_config.train_cfg.policy_dataloader


@pytest.mark.slow
@pytest.mark.parametrize('name', NETWORKS)
def test_shipped_config_is_searched_and_its_training_logs_map(
    name, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_turned('data/trainval', 6)
    path = Path(training(f'mmrotate/{NETWORKS[name]}').filename)
    sizes = ['--num-train', 4, '--num-val', 2, '--epochs', 1]
    options = ['--data-root', 'data', '--cfg-options', *small(name)]
    space = [] if name == 'rtmdet' else ['--space', 'coco']
    run(monkeypatch, search, path, *space, *sizes, *options)
    work = Path('work_dirs') / f'search_{path.stem}'
    policy = json.loads((work / 'policy.json').read_text())
    # every operation, at one level
    assert len(policy['candidates']) == (23 if space else 26)
    # 64 x 64 pixels are 0.115 times 640 x 480
    assert policy['constants']['translate_const'] == 29
    changes = Config.fromfile(work / f'search_{path.stem}.py').derived_from.changes
    chosen = '--space detection, as the pipeline loads boxes on images of about 64 x 64'
    assert changes[0].startswith(chosen) == (not space)
    assert any('translate_const=29' in line for line in changes)

    retrain = work / f'retrain_{path.stem}.py'
    pipeline = Config.fromfile(retrain).train_dataloader.dataset.pipeline
    assert 'ddas_mm.DDASAugment' in [step.type for step in pipeline]
    short = ['train_cfg.max_epochs=1', 'train_cfg.val_interval=1', 'log_level=INFO']
    options = ['--work-dir', 'trained', '--cfg-options', *short]
    run(monkeypatch, train, retrain, *options)
    (log,) = Path('trained').glob('*/*.log')
    told = re.search(r'Epoch\(val\) \[1\]\[6/6\] .*dota/mAP: (\S+)', log.read_text())
    assert 0 <= float(told[1]) <= 1


def test_pictures_outline_boxes_as_they_are_turned():
    corners = np.array([[[10, 5], [30, 15], [26, 23], [6, 13]]], float)
    sample = Sample(np.zeros((32, 40, 3), np.uint8), np.float32([[6, 5, 30, 23]]))
    for turned, expected in (
        (replace(sample, corners=corners), corners[0]),
        (sample, [[6, 5], [30, 5], [30, 23], [6, 23]]),
    ):
        (axes,) = lay_out_sheet([Picture('', turned, [0])], '').axes
        (outline,) = axes.patches
        np.testing.assert_array_equal(outline.get_xy()[:4], expected)
