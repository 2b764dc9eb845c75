"""How one job of the study is done, in a process that does many one after the other.

The trainings and searches are the project's own: its configs with other data, sizes and
policies, run by MMEngine's Runner.
"""

from __future__ import annotations

import copy
import gc
import hashlib
import json
import shutil
import time
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from images import read, shifted
from jobs import Job
from mmengine.config import Config
from mmengine.runner import Runner
from torch.nn import functional as F
from torch.optim.swa_utils import update_bn

from ddas_mm.policy import (
    PolicySchedule,
    read_policy,
    select_candidates,
    write_policy,
)

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
TO_PIL, FROM_PIL = {'type': 'NumpyToPIL', 'to_rgb': True}, {'type': 'PILToNumpy'}
CROP = {'type': 'RandomCrop', 'crop_size': 32, 'padding': 4}
FLIP = {'type': 'RandomFlip', 'prob': 0.5, 'direction': 'horizontal'}
CUTOUT = {'type': 'Cutout', 'shape': 16, 'pad_val': (114, 123, 125), 'prob': 1.0}
BASES = {
    '': [],
    'crop': [CROP],
    'crop+flip': [CROP, FLIP],
    'crop+flip+cutout': [CROP, FLIP, CUTOUT],
}
TORCHVISION = {
    'RandAugment': {'type': 'torchvision/RandAugment', 'num_ops': 2, 'magnitude': 9},
    'TrivialAugmentWide': {'type': 'torchvision/TrivialAugmentWide'},
}
NEVER = 10**9
METRICS = {'accuracy', 'loss', 'mAP', 'mAP_50'}


class QuickRunner(Runner):
    """A runner that writes no copies of its config, which take longer than a job."""

    def _log_env(self, env_cfg: dict[str, Any]) -> None:
        pass

    def dump_config(self) -> None:
        """Write nothing."""


def network(name: str) -> tuple[dict[str, Any], int]:
    """Return backbone and number of features, e.g. of ``wrn16-2``."""
    depth, width = map(int, name.lstrip('wrnest').split('-'))
    if name.startswith('wrn'):
        backbone = {'type': 'ddas_mm.WideResNet', 'depth': depth, 'width': width}
        return backbone, 64 * width
    # The last stage of ResNet-18 has eight times the base channels.
    return {
        'type': 'ResNet_CIFAR',
        'depth': depth,
        'base_channels': width,
        'stem_channels': width,
        'style': 'pytorch',
    }, 8 * width


def emitted(policy: dict[str, Any], folder: Path) -> PolicySchedule:
    """Return what a search has found, in the way that a job wants it."""
    schedule = read_policy(folder / f'{policy["search"]}.json')
    if policy['emit'] != 'learned':
        verdicts = [found['verdict'] for found in schedule.search['effects']]
        schedule = select_candidates(schedule, verdicts, policy['emit'])
    if policy.get('equal'):
        equal = np.full_like(schedule.op_probs, 1 / len(schedule.space))
        schedule = replace(schedule, op_probs=equal)
    return schedule


def _main_metric(path: Path, place: int | None) -> float:
    found = json.loads(path.read_text())
    value = found['accuracy'] if 'accuracy' in found else found['mAP']
    return value if place is None else value[place]


def picked(policy: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a uniform policy of the operations with which fine-tunings gained.

    Or of the ``first`` ones. At least three of them: what is best counts, where nothing
    is better than none. Of fine-tunings measured by several cameras ``place`` counts.
    """
    place = policy.get('place')
    accuracy = {
        op: np.array([_main_metric(folder / f'{name}.json', place) for name in names])
        for op, names in policy['picked'].items()
    }
    plain = accuracy.pop('none')
    gains = {op: float((found - plain).mean()) for op, found in accuracy.items()}
    order = sorted(gains, key=gains.__getitem__, reverse=True)
    gaining = max(sum(gain > 0 for gain in gains.values()), 3)
    ops = order[: policy.get('first', gaining)]
    return {
        'space': {**policy['space'], 'ops': ops},
        'total_prob': policy['total_prob'],
    }


def augment_step(policy: Any, folders: dict[str, Path]) -> list[dict[str, Any]]:
    """Return the steps of a pipeline that a job's policy comes to."""
    if policy is None:
        return []
    if isinstance(policy, str):
        return [TO_PIL, TORCHVISION[policy], {**FROM_PIL, 'to_bgr': True}]
    if 'policies' in policy:
        return [{'type': 'ddas_mm.SubPolicyAugment', **policy}]
    if 'picked' in policy:
        policy = picked(policy, folders['policies'])
    if 'search' in policy:
        path = folders['work'] / 'policy.json'
        write_policy(emitted(policy, folders['policies']), path)
        policy = str(path)
    return [{'type': 'ddas_mm.DDASAugment', 'policy': policy}]


def cifar_config(job: Job, folders: dict[str, Path], loaders: int) -> Config:
    """Return the config of a search or training on CIFAR-10."""
    setup, search = job.setup, job.kind in ('search', 'rank')
    name = 'ddas_wrn40-2_cifar10.py' if search else 'retrain/wrn40-2_cifar10.py'
    config = Config.fromfile(CONFIGS / name)
    config.model.backbone, features = network(setup['network'])
    config.model.head.in_channels = features
    base, policy = BASES[setup['base']], setup.get('policy')
    steps = [{'type': 'ddas_mm.DDASAugment'}] if search else []
    if not search:
        steps = augment_step(policy, folders)
    # torchvision's act behind crop and flip, ours before them, as in the baselines
    steps = [*base, *steps] if isinstance(policy, str) else [*steps, *base]
    dataset = {
        'type': 'PackedImages',
        'data_root': str(folders['data']),
        'parts': setup['parts'],
        'pipeline': [*steps, {'type': 'PackInputs'}],
    }
    workers = setup.get('loaders', loaders)
    config.train_dataloader = {
        'batch_size': setup['batch'],
        'num_workers': workers,
        'persistent_workers': workers > 0,
        'collate_fn': {'type': 'default_collate'},
        'pin_memory': torch.cuda.is_available(),
        'sampler': {'type': 'DefaultSampler', 'shuffle': True},
        'dataset': dataset,
    }
    if workers:
        config.train_dataloader['prefetch_factor'] = 4
    config.optim_wrapper.optimizer.lr = setup.get('lr', 0.1)
    config.val_dataloader = config.val_cfg = config.val_evaluator = None
    config.test_dataloader = config.test_cfg = config.test_evaluator = None
    config.param_scheduler = [
        {'type': 'CosineAnnealingLR', 'T_max': setup['steps'], 'by_epoch': False}
    ]
    if search:
        _searching(config, job)
    else:
        config.train_dataloader['sampler'] = {'type': 'InfiniteSampler'}
        config.train_cfg = {
            'type': 'IterBasedTrainLoop',
            'max_iters': setup['steps'],
            'val_interval': NEVER,
        }
        ours = any('DDASAugment' in step['type'] for step in steps)
        config.custom_hooks = [{'type': 'ddas_mm.DDASHook'}] if ours else []
    return config


def _searching(config: Config, job: Job) -> None:
    setup = job.setup
    counts = sum(part['count'] for part in setup['parts'])
    images = setup.get('proxy', {}).get('num_train', counts)
    # An epoch is a pass over S_train: as many passes as the steps come to.
    epochs = max(round(setup['steps'] / -(-images // setup['batch'])), 1)
    num_val = setup.get('proxy', {}).get('num_val') or setup['val'][0]['count']
    loader: dict[str, Any] = {'batch_size': min(256, num_val)}
    if 'val' in setup:
        loader['dataset'] = {'parts': setup['val'], 'pipeline': _plain(config)}
    config.train_cfg = {
        **config.train_cfg,
        'max_epochs': epochs,
        'proxy': setup.get('proxy', {}),
        'space': setup['space'],
        'total_prob': setup['total_prob'],
        'op_lr': setup['op_lr'],
        'policy_dataloader': loader,
        'amp': setup.get('amp', False),
    }
    config.custom_hooks = [{'type': 'ddas_mm.DDASHook', 'smooth': 2}]


def _plain(config: Config) -> list[dict[str, Any]]:
    return [copy.deepcopy(config.train_dataloader['dataset']['pipeline'][-1])]


def evaluate(runner: Runner, job: Job, folders: dict[str, Path]) -> dict[str, Any]:
    """Return accuracy in percent and mean loss on the job's test images.

    Of a job with several shifts these are lists.
    """
    test = {'split': 'test', 'start': 0, 'count': 10000, **job.setup.get('test', {})}
    shift = test.pop('shift', 'none')
    if job.setup.get('few'):
        test['count'] = job.setup['few']
    images, labels = read(folders['data'], **test)
    if isinstance(shift, str):
        return _measure(runner, images, labels, shift)
    found = [_measure(runner, images, labels, each) for each in shift]
    return {name: [each[name] for each in found] for name in found[0]}


def _measure(runner: Runner, images: Any, labels: Any, shift: str) -> dict[str, float]:
    if shift != 'none':
        images = np.stack([shifted(image, shift) for image in images])
    model = runner.model.eval()
    right = loss = 0.0
    with torch.no_grad():
        for start in range(0, len(images), 1000):
            batch = torch.from_numpy(images[start : start + 1000]).permute(0, 3, 1, 2)
            truth = torch.from_numpy(labels[start : start + 1000])
            batch = model.data_preprocessor({'inputs': batch})['inputs']
            logits = model(batch, mode='tensor')
            truth = truth.to(logits.device)
            right += (logits.argmax(1) == truth).sum().item()
            loss += F.cross_entropy(logits, truth, reduction='sum').item()
    return {'accuracy': 100 * right / len(images), 'loss': loss / len(images)}


def complete(config: Config, job: Job, folders: dict[str, Path]) -> None:
    """Put what all jobs share into a config."""
    config.work_dir = str(folders['work'])
    config.experiment_name = f'{job.name}_{time.time_ns()}'
    config.randomness = {'seed': job.seed}
    if 'load' in job.setup:
        config.load_from = str(folders['policies'] / f'{job.setup["load"]}.pth')
    config.log_level = 'WARNING'
    config.default_hooks = {
        'logger': {'type': 'LoggerHook', 'interval': NEVER},
        'checkpoint': None,
    }
    if job.kind == 'train':  # what it notes at each step waits for the device
        config.default_hooks |= {'runtime_info': None, 'timer': None}
    config.env_cfg = {'cudnn_benchmark': True, 'mp_cfg': {'opencv_num_threads': 0}}
    if 'vis_backends' in config:
        config.visualizer = {'type': 'Visualizer', 'vis_backends': []}


def ranked(config: Config, num_images: int = 512) -> dict[str, Any]:
    """Return what a trained network makes of each candidate, without a search."""
    from ddas_mm.cli.ranking import rank

    checkpoint, config.load_from = config.load_from, None
    ranking, _ = rank(config, checkpoint, num_images)
    found = ranking.to_dict()
    for candidate in found['candidates']:
        del candidate['losses']
    return {'ranking': found['candidates'], 'losses': found['loss']}


def searched(folder: Path) -> dict[str, Any]:
    """Return of a search what its tables need."""
    schedule = read_policy(folder / 'policy.json')
    return {
        'candidates': schedule.space.labels,
        'total_prob': [round(p, 4) for p in schedule.total_prob_raw.tolist()],
        'op_probs': [round(p, 5) for p in schedule.op_probs[-1].tolist()],
        'entropy': [round(e, 4) for e in schedule.entropy.tolist()],
        'effects': list(map(_short, schedule.search['effects'])),
        'skipped': schedule.search.get('skipped_steps'),
    }


def _short(effect: dict[str, Any]) -> dict[str, Any]:
    kept = {key: effect[key] for key in ('candidate', 'effect', 'std_error', 'verdict')}
    return {**kept, 'thirds': [third['effect'] for third in effect['thirds']]}


def settle(runner: Runner) -> None:
    """Let BatchNorm's statistics be those of images that no policy has changed.

    Operations that change brightness or colours shift them, and a short training does
    not make up for it. 16 mini-batches of what was trained on.
    """
    config = copy.deepcopy(runner.cfg.train_dataloader)
    steps = config.dataset.pipeline
    plain = [step for step in steps if step['type'] != 'ddas_mm.DDASAugment']
    config.dataset.pipeline = plain
    batches = islice(Runner.build_dataloader(config, seed=0), 16)
    prepare = runner.model.data_preprocessor
    inputs = (prepare(batch, training=True)['inputs'] for batch in batches)
    update_bn(inputs, runner.model.backbone)


def run_config(
    config: Config, job: Job, folders: dict[str, Path], measure: Any
) -> dict[str, Any]:
    """Train or search; return what came of it."""
    runner = QuickRunner.from_cfg(config)
    if job.kind.endswith('_train'):  # detection: an eighth less time on a CPU
        runner.model.to(memory_format=torch.channels_last)
    runner.train()
    left = folders['policies'] / job.name
    if job.setup.get('save'):
        torch.save({'state_dict': runner.model.state_dict()}, f'{left}.pth')
    if job.kind.endswith('train'):
        found = measure(runner, job, folders)
        if job.setup.get('settle'):
            settle(runner)
            again = measure(runner, job, folders)
            found |= {f'{name}_settled': again[name] for name in METRICS & again.keys()}
        Path(f'{left}.json').write_text(json.dumps(found))  # for jobs that pick by it
        return found
    shutil.copy(folders['work'] / 'policy.json', f'{left}.json')
    return {**searched(folders['work']), 'steps': runner.iter}


def execute(job: Job, folders: dict[str, Path], loaders: int) -> dict[str, Any]:
    """Do a job; return its line of results.

    Args:
        job: The job.
        folders: ``data``, ``policies`` (what jobs leave for others), and ``scratch``.
        loaders: Worker processes of its data loader.
    """
    began = time.perf_counter()
    work = folders['scratch'] / job.name
    work.mkdir(parents=True, exist_ok=True)
    folders = {**folders, 'work': work}
    if job.kind.startswith(('digits', 'cells')):
        import detection_work

        config = detection_work.config(job, folders, augment_step)
        measure = detection_work.evaluate
    else:
        config, measure = cifar_config(job, folders, loaders), evaluate
    text = json.dumps(job.setup, sort_keys=True, default=str)
    complete(config, job, folders)
    result = {'name': job.name, 'part': job.part, 'kind': job.kind, **asdict(job)}
    del result['setup'], result['needs']
    result['steps'] = job.setup['steps']
    if job.kind.endswith('rank'):
        result |= ranked(config, job.setup.get('few', 512))
    else:
        result |= run_config(config, job, folders, measure)
    gc.collect()
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.empty_cache()
    shutil.rmtree(work, ignore_errors=True)
    return {
        **result,
        'seconds': round(time.perf_counter() - began, 1),
        'device': torch.cuda.get_device_name() if on_gpu else 'cpu',
        'digest': hashlib.sha1(text.encode()).hexdigest()[:10],
    }
