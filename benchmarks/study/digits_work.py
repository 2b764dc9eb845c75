"""The shift bench on the embedded digits: one search, or one training and its test."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
from jobs import Job
from mmengine.config import Config
from mmengine.runner import Runner

from ddas_mm.config import set_data_root

NUM_VAL = 300  # images that digits.py makes for S_val


def config(job: Job, folders: dict[str, Path], augment: Any) -> Config:
    """Return the quickstart's config with other images, steps and policy.

    Args:
        job: The job.
        folders: ``digits`` holds the data.
        augment: Turns a job's policy into the steps of a pipeline.
    """
    configs = Path(__file__).resolve().parents[2] / 'configs'
    setup, search = job.setup, job.kind == 'digits_search'
    name = 'ddas' if search else 'retrain/retinanet'
    name = f'{name}_retinanet_r18_digits.py' if search else f'{name}_r18_digits.py'
    config = Config.fromfile(configs / name)
    chosen = np.random.default_rng(job.seed).permutation(NUM_VAL)
    chosen = chosen[: setup.get('images', 0)].tolist()
    train = config.train_dataloader
    if search:
        val = config.train_cfg.policy_dataloader
        val.dataset.indices = chosen
        val.batch_size = min(val.batch_size, len(chosen))
        config.custom_hooks = [{'type': 'ddas_mm.DDASHook', 'smooth': 2}]
        if 'few' in setup:
            config.train_cfg.update(max_epochs=1, proxy={'num_train': 8})
    else:
        pipeline = train.dataset.pipeline
        pipeline[2:3] = augment(setup['policy'], folders)
        if setup.get('times'):
            camera = copy.deepcopy(train.dataset)
            camera.ann_file = 'annotations/deploy_val.json'
            camera.data_prefix = {'img': 'deploy_val/'}
            camera.indices = chosen * setup['times']
            parts = [train.dataset, camera]
            train.dataset = {'type': 'ConcatDataset', 'datasets': parts}
        train.sampler = {'type': 'InfiniteSampler'}
        steps = setup['steps']
        config.train_cfg = {
            'type': 'IterBasedTrainLoop',
            'max_iters': steps,
            'val_interval': 10**9,
        }
        warm, cosine = config.param_scheduler
        del cosine['convert_to_iter_based']
        cosine.update(T_max=steps, by_epoch=False)
        config.param_scheduler = [warm, cosine]
        if len(pipeline) < 4:
            config.custom_hooks = []
        if 'few' in setup:
            config.test_dataloader.dataset.indices = 8
    set_data_root(config, str(folders['digits']))
    return config


def evaluate(runner: Runner, _job: Job, _folders: dict[str, Path]) -> dict[str, float]:
    """Return mAP on the new camera's test images."""
    metrics = runner.test()
    # without any detection there are no figures
    return {name: metrics.get(f'coco/bbox_{name}', 0.0) for name in ('mAP', 'mAP_50')}
