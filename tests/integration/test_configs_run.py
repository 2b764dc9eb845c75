"""Every config builds all its parts and runs a step, at a reduced size."""

import argparse
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from mmengine.runner import Runner

from ddas_mm.cli.run import load_config
from ddas_mm.config import find_dicts
from ddas_mm.policy import PolicySchedule, SearchSpace, read_policy, write_policy
from tests import fake_data
from tests.toy import NO_MMSEG

ROOT = Path(__file__).parents[2] / 'configs'
FILES = sorted(p for p in ROOT.rglob('*.py') if '_base_' not in p.parts)
BASELINES = [path for path in FILES if path.parent.name == 'baselines']
SLOW = [*BASELINES, ROOT / 'ddas_retinanet_r18_digits_sanity_adamw.py']
SLOW += ROOT.glob('*_fast.py')
# Baselines differ from trainings in the pipeline alone, which another test checks, and
# fast searches from the paper's in numbers.
CASES = [
    pytest.param(
        path,
        id=str(path.relative_to(ROOT).with_suffix('')),
        marks=[pytest.mark.slow] if path in SLOW else [],
    )
    for path in FILES
]
BATCH = 4
OPTIONS = {
    'train_dataloader.batch_size': BATCH,
    'train_dataloader.num_workers': 0,
    'val_dataloader.num_workers': 0,
    'test_dataloader.num_workers': 0,
    'train_cfg.max_epochs': 1,
    'default_hooks.checkpoint': None,
}
# Narrow networks, as deep as they are (CIFAR's apart, whose depth is a number too).
NARROW = {
    'WideResNet': {'backbone.depth': 10, 'backbone.width': 1, 'head.in_channels': 64},
    'ShakeShake': {
        'backbone.depth': 8,
        'backbone.base_channels': 4,
        'head.in_channels': 16,
    },
    'ResNet': {'backbone.base_channels': 4, 'backbone.stem_channels': 4},
    'RetinaNet': {
        'backbone.base_channels': 4,
        'backbone.stem_channels': 4,
        'neck.in_channels': [16, 32, 64, 128],
        'neck.out_channels': 8,
        'bbox_head.in_channels': 8,
        'bbox_head.feat_channels': 8,
        'bbox_head.stacked_convs': 1,
    },
}
SIZES = {'RandomResizedCrop': 32, 'ResizeEdge': 36, 'Resize': (64, 64)}


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('configs')
    fake_data.write_all(root)
    space = SearchSpace('classification', (('Invert', None), ('Rotate', 6)))
    rows = [(0.9, np.array([0.5, 0.5]))]
    folder = root / 'work_dirs/ddas_wrn40-2_cifar100'
    folder.mkdir(parents=True)
    for part in ('total-prob', 'op-probs', 'row'):
        schedule = PolicySchedule.from_snapshots(space, rows)
        write_policy(schedule, folder / f'last-{part}.json')
    return root


@pytest.fixture
def in_data(data, monkeypatch):
    """Work where the paths lead somewhere; take archives without check sums."""
    from mmpretrain.datasets import CIFAR10, CIFAR100

    for kind in (CIFAR10, CIFAR100):
        for files in ('train_list', 'test_list'):
            names = [[name, None] for name, _ in getattr(kind, files)]
            monkeypatch.setattr(kind, files, names)
    monkeypatch.chdir(data)


def reduced(path, work_dir):
    given = Config.fromfile(path)
    options = {
        key: value
        for key, value in OPTIONS.items()
        if given.get(key.partition('.')[0]) is not None  # a search has no test set
    }
    arguments = argparse.Namespace(
        config=str(path),
        work_dir=str(work_dir),
        data_root=None,
        launcher='none',
        local_rank=0,
        cfg_options=options,
    )
    config = load_config(arguments)
    if not is_small(config.model):
        _narrow(config.model)
        for name in SIZES:
            for step in find_dicts(config._cfg_dict, name):
                step.scale = SIZES[name]
        for step in find_dicts(config._cfg_dict, 'CenterCrop'):
            step.crop_size = 32
    config.experiment_name = str(work_dir)  # one scope of MMEngine's for each name
    config.log_level = 'WARNING'
    return config


def is_small(model):
    """Whether it is one of the digits, of COCO128 or a small transformer."""
    kind = model.backbone.type.rpartition('.')[2]
    return kind == 'VisionTransformer' or model.backbone.get('base_channels') == 16


def _narrow(model):
    kind = model.backbone.type.rpartition('.')[2]
    name = model.type.rpartition('.')[2]
    settings = NARROW.get(name) or NARROW.get(kind) or NARROW['ResNet']
    changed = Config(dict(model=model))
    changed.merge_from_dict({f'model.{key}': v for key, v in settings.items()})
    model.update(changed.model)
    if settings is NARROW['ResNet']:
        model.head.in_channels = 32 if model.backbone.get('depth') == 18 else 128


def make_search(config):
    """Shrink S_train and S_val to one mini-batch."""
    train = config.train_cfg
    train.policy_dataloader.batch_size = 2
    if 'num_classes' in (train.proxy or {}):
        train.proxy = dict(num_classes=2, train_per_class=2, val_per_class=1)
    else:
        train.proxy = dict(num_train=BATCH, num_val=2)


def make_training(config):
    """Put a policy in, as a search would, and train on one mini-batch."""
    spaces = {'mmdet': 'coco', 'mmseg': 'segmentation'}
    name = spaces.get(config.default_scope, 'imagenet')
    policy = dict(space=dict(name=name), total_prob=0.8)
    for step in find_dicts(config.train_dataloader, 'DDASAugment'):
        step.setdefault('policy', policy)
    config.train_dataloader.dataset.indices = BATCH


@pytest.mark.parametrize('path', CASES)
def test_config_runs_a_step(path, in_data, tmp_path):
    config = reduced(path, tmp_path / 'work')
    if config.default_scope == 'mmseg':
        pytest.importorskip('mmseg', reason=NO_MMSEG)
    is_search = path.parent == ROOT
    (make_search if is_search else make_training)(config)
    runner = Runner.from_cfg(config)
    before = [p.detach().clone() for p in runner.model.parameters()]
    runner.train()
    assert runner.iter == 1
    after = list(runner.model.parameters())
    changed = [bool((a != b).any()) for a, b in zip(after, before, strict=True)]
    assert any(changed)
    assert all(p.isfinite().all() for p in after)
    if is_search:
        schedule = read_policy(tmp_path / 'work/policy.json')
        assert len(schedule) == 1
        # AdamW's first step tells the policy nothing
        adaptive = config.optim_wrapper.optimizer.type != 'SGD'
        assert schedule.search['skipped_steps'] == adaptive


def training_of(baseline):
    """Return the training that a baseline is to be compared with."""
    trainings = (ROOT / 'retrain').glob('*.py')
    return max((p for p in trainings if baseline.stem.startswith(p.stem)), key=str)


@pytest.mark.parametrize(
    'path',  # the quickstart's critic has other data, and that is the point of it
    [pytest.param(p, id=p.stem) for p in BASELINES if not p.stem.endswith('_camera')],
)
def test_baseline_is_its_training_with_another_pipeline(path, in_data, tmp_path):
    config = reduced(path, tmp_path / 'work')
    training = reduced(training_of(path), tmp_path / 'work')
    for part in ('model', 'optim_wrapper', 'param_scheduler', 'train_cfg'):
        assert config[part] == training[part]
    for part in ('val_dataloader', 'val_evaluator', 'test_dataloader'):
        assert config.get(part) == training.get(part)
    pipelines = [c.train_dataloader.dataset.pop('pipeline') for c in (config, training)]
    assert config.train_dataloader == training.train_dataloader
    assert pipelines[0] != pipelines[1]
    # its hook tells the workers the epoch, which their randomness depends on
    assert ('DDASAugment' in str(pipelines[0])) == bool(config.get('custom_hooks'))
    config.train_dataloader.dataset.pipeline = pipelines[0]
    init_default_scope(config.default_scope)
    sample = DATASETS.build(config.train_dataloader.dataset)[0]
    side = 64 if config.default_scope == 'mmdet' else 32
    assert sample['inputs'].shape == (3, side, side)
