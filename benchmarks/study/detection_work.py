"""Detection, of the embedded digits and of blood cells: one search or one training."""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jobs import Job
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import HOOKS
from mmengine.runner import Runner, TestLoop

from ddas_mm.config import set_data_root

STUDY = Path(__file__).resolve().parent
DIGITS = STUDY.parents[1] / 'configs'
CONFIGS = {
    'digits_search': DIGITS / 'ddas_retinanet_r18_digits.py',
    'digits_train': DIGITS / 'retrain/retinanet_r18_digits.py',
    'cells_search': STUDY / 'cells_search.py',
    'cells_rank': STUDY / 'cells_search.py',
    'cells_train': STUDY / 'cells.py',
}
NUM_TRAIN = 205  # images of blood cells to train on
NUM_VAL = {'digits': 300, 'cells': 87}  # images that S_val is drawn from
NEVER = 10**9
read = cache(Config.fromfile)  # of which a process takes the same ones again and again


def drawn(seed: int, size: int, count: int) -> list[int]:
    """Return which ``count`` of ``size`` images a seed draws."""
    return np.random.default_rng(seed).permutation(size)[:count].tolist()


def config(job: Job, folders: dict[str, Path], augment: Any) -> Config:
    """Return a config of the data with other images, steps and policy.

    Args:
        job: The job.
        folders: ``digits`` or ``cells`` holds the data, or ``cameras`` a folder of
            them for each.
        augment: Turns a job's policy into the steps of a pipeline.
    """
    setup = job.setup
    data, task = job.kind.split('_')
    config = copy.deepcopy(read(CONFIGS[job.kind]))
    val = drawn(job.seed, NUM_VAL[data], setup.get('images', 0))
    if data == 'cells':
        train = drawn(job.seed, NUM_TRAIN, setup['images'])
        config.train_dataloader.dataset.indices = train
    if task == 'train':
        _training(config, setup, augment(setup['policy'], folders), val)
    else:
        _searching(config, setup, val)
    root = folders['cameras'] / setup['camera'] if 'camera' in setup else folders[data]
    set_data_root(config, str(root))
    return config


@HOOKS.register_module()
class CurveHook(Hook):
    """Note mAP on S_val's images at every validation, and the loss since the last."""

    def __init__(self) -> None:
        self.curve: list[dict[str, float]] = []

    def after_val_epoch(self, runner: Runner, metrics: Any = None) -> None:
        """Add a point to the curve."""
        losses, _ = runner.message_hub.get_scalar('train/loss').data
        since = self.curve[-1]['step'] if self.curve else 0
        loss = round(float(np.mean(losses[since:])), 4)
        mean_ap = float(metrics.get('coco/bbox_mAP', 0.0))
        self.curve.append({'step': runner.iter, 'loss': loss, 'mAP': mean_ap})


def _searching(config: Config, setup: dict[str, Any], chosen: list[int]) -> None:
    val = config.train_cfg.policy_dataloader
    val.dataset.indices = chosen
    val.batch_size = min(val.batch_size, len(chosen))
    config.custom_hooks = [{'type': 'ddas_mm.DDASHook', 'smooth': 2}]
    if 'space' in setup:
        config.train_cfg.space = setup['space']
    if 'lr' in setup:
        config.optim_wrapper.optimizer.lr = setup['lr']
    if 'epochs' in setup:
        config.train_cfg.max_epochs = setup['epochs']
        config.param_scheduler[-1].T_max = setup['epochs']
        config.train_cfg.op_lr = setup['op_lr']
    if 'few' in setup:
        config.train_cfg.update(max_epochs=1, proxy={'num_train': 8})


def _training(
    config: Config, setup: dict[str, Any], steps: list[Any], chosen: list[int]
) -> None:
    train = config.train_dataloader
    pipeline = train.dataset.pipeline
    names = [step['type'] for step in pipeline]
    place = names.index('ddas_mm.DDASAugment')
    pipeline[place : place + 1] = steps
    if not any(step['type'] == 'ddas_mm.DDASAugment' for step in steps):
        config.custom_hooks = []
    if setup.get('times'):
        more = copy.deepcopy(train.dataset)
        if 'indices' in more:  # blood cells: all of val.json
            more.ann_file = 'annotations/val.json'
            del more.indices
        else:
            more.ann_file = 'annotations/deploy_val.json'
            more.data_prefix = {'img': 'deploy_val/'}
            more.indices = chosen * setup['times']
        parts = [train.dataset, more]
        train.dataset = {'type': 'ConcatDataset', 'datasets': parts}
    train.sampler = {'type': 'InfiniteSampler'}
    config.train_cfg = {
        'type': 'IterBasedTrainLoop',
        'max_iters': setup['steps'],
        'val_interval': setup.get('curve', NEVER),
    }
    warm, cosine = config.param_scheduler
    del cosine['convert_to_iter_based']
    cosine.update(T_max=setup['steps'], by_epoch=False)
    config.param_scheduler = [warm, cosine]
    if 'lr' in setup:
        config.optim_wrapper.optimizer.lr = setup['lr']
    if setup.get('save') and not setup.get('finish'):  # others go on at its rate
        config.param_scheduler = [warm]
    elif 'load' in setup:
        config.param_scheduler = [cosine]
    if 'few' in setup:
        config.test_dataloader.dataset.indices = 8
    if 'curve' in setup:
        config.val_dataloader = copy.deepcopy(config.test_dataloader)
        config.val_evaluator = copy.deepcopy(config.test_evaluator)
        config.val_cfg = {}
        config.custom_hooks = [*config.custom_hooks, {'type': 'CurveHook'}]
        _measure_on_val(config.val_dataloader, config.val_evaluator)
    if setup.get('test') == 'val':
        _measure_on_val(config.test_dataloader, config.test_evaluator)


def _measure_on_val(loader: Any, evaluator: Any) -> None:
    loader.dataset.ann_file = 'annotations/val.json'
    evaluator.ann_file = f'{loader.dataset.data_root}{loader.dataset.ann_file}'


def measure_on(config: Config, split: str, chosen: list[int], work: Path) -> None:
    """Test on some images of a split of digits, by annotations of these alone."""
    dataset = config.test_dataloader.dataset
    root = Path(dataset.data_root)
    found = json.loads((root / f'annotations/{split}.json').read_text())
    found['images'] = [found['images'][i] for i in chosen]
    kept = {image['id'] for image in found['images']}
    found['annotations'] = [a for a in found['annotations'] if a['image_id'] in kept]
    file = work / f'{root.name}.json'
    file.write_text(json.dumps(found))
    dataset.ann_file = config.test_evaluator.ann_file = str(file.resolve())
    dataset.data_prefix = {'img': f'{split}/'}


def _mean_ap(metrics: dict[str, float]) -> dict[str, float]:
    # without any detection there are no figures
    return {name: metrics.get(f'coco/bbox_{name}', 0.0) for name in ('mAP', 'mAP_50')}


def evaluate(runner: Runner, job: Job, folders: dict[str, Path]) -> dict[str, Any]:
    """Return mAP, of each class too where the evaluator tells, and the curve.

    Of a job with several cameras these are lists of mAP alone.
    """
    if isinstance(job.setup.get('test'), list):
        each = []
        for camera in job.setup['test']:
            config = copy.deepcopy(runner.cfg)
            set_data_root(config, str(folders['cameras'] / camera))
            if 'on' in job.setup:
                chosen = drawn(job.seed, NUM_VAL['digits'], job.setup['images'])
                measure_on(config, job.setup['on'], chosen, folders['work'])
            loop = TestLoop(runner, config.test_dataloader, config.test_evaluator)
            each.append(_mean_ap(loop.run()))
        return {name: [found[name] for found in each] for name in each[0]}
    metrics = runner.test()
    found: dict[str, Any] = _mean_ap(metrics)
    ending = '_precision'
    per_class = {
        name.removeprefix('coco/').removesuffix(ending): value
        for name, value in metrics.items()
        if name.endswith(ending)
    }
    if per_class:
        found['per_class'] = per_class
    curves = [hook.curve for hook in runner.hooks if isinstance(hook, CurveHook)]
    if curves:
        found['curve'] = curves[0]
    return found
