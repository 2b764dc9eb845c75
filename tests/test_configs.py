"""Search configs name their companions, and hold the paper's settings.

That every config builds and runs is tests/integration/test_configs_run.py's.
"""

import inspect
import math
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import LOOPS, TRANSFORMS, init_default_scope

from ddas_mm.augment.candidates import CandidateOps, build_space
from ddas_mm.config import find_dicts
from ddas_mm.ops import get_op
from ddas_mm.outcome.emit import find_retrain_config, read_retrain_config
from ddas_mm.policy import SearchSpace

ROOT = Path(__file__).parents[1] / 'configs'
SEARCHES = sorted(ROOT.glob('*.py'))


def names(paths):
    return [str(p.relative_to(ROOT)) for p in paths]


@pytest.mark.parametrize('path', SEARCHES, ids=names(SEARCHES))
def test_search_config_is_complete(path):
    config = Config.fromfile(path)
    assert LOOPS.get(config.train_cfg.type).__name__ == 'DDASLoop'
    assert isinstance(build_space(config.train_cfg.space), SearchSpace)
    assert config.get('val_dataloader') is config.get('val_cfg') is None
    assert config.get('val_evaluator') is None
    (hook,) = find_dicts(config.custom_hooks, 'DDASHook')
    if 'sanity' not in path.stem:  # a proof, not for training with
        retrain = find_retrain_config(hook.retrain, config.filename)
        assert any(find_dicts(read_retrain_config(retrain).custom_hooks, 'DDASHook'))


# What the paper says (Sections 4.2 to 4.4, Appendices A to C), setting by setting.
CIFAR = dict(
    candidates=51, levels={2, 6, 10, 14}, depth=2, policies=3, epochs=20, smooth=2,
    proxy=(5000, 5000), batches=(32, 256), total_prob=0.35, op_lr=0.005, total_lr=0.001,
    betas=(0.5, 0.999), lr=0.05, momentum=0.9, weight_decay=5e-4, decay=20,
)  # fmt: skip
IMAGENET = dict(
    candidates=31, levels={7, 14}, depth=2, policies=2, epochs=40, smooth=6,
    proxy=(120, 50, 20), batches=(32, 64), total_prob=0.35, op_lr=0.003, total_lr=0.002,
    betas=(0.5, 0.999), lr=0.01, momentum=0.9, weight_decay=1e-4, decay=40,
)  # fmt: skip
COCO = dict(
    candidates=59, levels={4, 6, 8}, depth=2, policies=3, epochs=30, smooth=6,
    proxy=(3000, 1500), batches=(4, 4), total_prob=0.35, op_lr=0.001, total_lr=0.001,
    betas=(0.5, 0.999), lr=0.04, momentum=0.9, weight_decay=1e-4, decay=[24, 28],
)  # fmt: skip
SEARCH_SETTINGS = {
    'ddas_wrn40-2_cifar10.py': CIFAR,
    'ddas_wrn40-2_cifar10_archive.py': CIFAR,
    'ddas_wrn40-2_cifar100.py': CIFAR,
    'ddas_resnet18_cifar10.py': CIFAR,
    'ddas_wrn40-2_svhn.py': {**CIFAR, 'proxy': (3000, 3000)},
    'ddas_wrn40-2_cifar10_sanity.py': {
        **CIFAR, 'candidates': 18, 'levels': {2}, 'depth': 1, 'total_prob': 0.75,
    },
    'ddas_resnet18_imagenet.py': IMAGENET,
    'ddas_retinanet_r50_coco.py': COCO,
}  # fmt: skip
WRN = dict(epochs=200, lr=0.1, momentum=0.9, weight_decay=5e-4, batch=128, decay=200)
SHAKE = dict(
    epochs=1800, lr=0.01, momentum=0.9, weight_decay=1e-3, batch=128, decay=1800
)
SVHN = dict(epochs=160, lr=0.005, momentum=0.9, weight_decay=1e-3, batch=128, decay=160)
RESNET = dict(epochs=270, lr=0.2, momentum=0.9, weight_decay=1e-4, batch=512, decay=270)
RETINANET = dict(
    epochs=150, lr=0.08, momentum=0.9, weight_decay=1e-4, batch=64, decay=[120, 140]
)
TRAINING_SETTINGS = {
    'wrn28-10_cifar10.py': WRN,
    'wrn28-10_cifar10_archive.py': WRN,
    'wrn28-10_cifar100.py': WRN,
    'shake-shake-26-2x96d_cifar10.py': SHAKE,
    'shake-shake-26-2x96d_cifar100.py': SHAKE,
    'wrn28-10_svhn.py': SVHN,
    'resnet50_imagenet.py': RESNET,
    'resnet200_imagenet.py': RESNET,
    'retinanet_r50_coco.py': RETINANET,
    'retinanet_r101_coco.py': RETINANET,
}
SIZES = ('num_classes', 'train_per_class', 'val_per_class', 'num_train', 'num_val')


def optimizer_of(config):
    """The network's SGD, and its decay: epochs of a cosine, or milestones."""
    sgd, schedule = config.optim_wrapper.optimizer, config.param_scheduler
    assert sgd.type == 'SGD'
    assert not sgd.get('nesterov')
    (decay,) = (
        step.get('T_max') or step.milestones
        for step in (schedule if isinstance(schedule, list) else [schedule])
        if step.type != 'LinearLR'
    )
    return {
        **{key: sgd[key] for key in ('lr', 'momentum', 'weight_decay')},
        'epochs': config.train_cfg.max_epochs,
        'decay': decay,
    }


@pytest.mark.parametrize('path', SEARCH_SETTINGS)
def test_settings_are_the_papers(path):
    config = Config.fromfile(ROOT / path)
    train, space = config.train_cfg, build_space(config.train_cfg.space)
    (hook,) = find_dicts(config.custom_hooks, 'DDASHook')
    betas = inspect.signature(LOOPS.get(train.type)).parameters['betas'].default
    found = {
        **optimizer_of(config),
        'candidates': len(space),
        'levels': {level for _, level in space.candidates} - {None},
        'depth': space.depth,
        'policies': train.num_policies,
        'smooth': hook.smooth,
        'proxy': tuple(train.proxy[key] for key in SIZES if key in train.proxy),
        'batches': (
            config.train_dataloader.batch_size,
            train.policy_dataloader.batch_size,
        ),
        'betas': train.get('betas', betas),
        **{key: train[key] for key in ('total_prob', 'op_lr', 'total_lr')},
    }
    assert found == SEARCH_SETTINGS[path]


@pytest.mark.parametrize(
    ('name', 'processes'), [('wrn40-2_cifar10', 1), ('retinanet_r50_coco', 4)]
)
def test_fast_search_draws_more_from_fewer_images(name, processes):
    ways, draws, images = [], [], []
    for path, share in ((f'ddas_{name}.py', processes), (f'ddas_{name}_fast.py', 1)):
        config = Config.fromfile(ROOT / path)
        train, batch = config.train_cfg, config.train_dataloader.batch_size
        steps = train.max_epochs * math.ceil(train.proxy.num_train / batch / share)
        views = batch * (train.num_policies + 1) + train.policy_dataloader.batch_size
        ways.append([steps * train.op_lr, steps * train.total_lr])
        draws.append(steps * train.num_policies)
        images.append(steps * share * views)
    assert ways[1] == pytest.approx(ways[0], rel=0.01)
    assert draws[1] > 1.8 * draws[0]
    assert images[1] < 0.41 * images[0]


@pytest.mark.parametrize('path', TRAINING_SETTINGS)
def test_settings_of_trainings_are_the_papers(path):
    config = Config.fromfile(ROOT / 'retrain' / path)
    batch = config.auto_scale_lr.base_batch_size
    assert batch % config.train_dataloader.batch_size == 0
    found = {**optimizer_of(config), 'batch': batch}
    assert found == TRAINING_SETTINGS[path]


def test_sanity_check_turns_validation_images_as_the_planted_candidate_does():
    config = Config.fromfile(ROOT / 'ddas_wrn40-2_cifar10_sanity.py')
    init_default_scope(config.default_scope)
    dataset = config.train_cfg.policy_dataloader.dataset
    (turn,) = find_dicts(dataset.pipeline, 'Rotate')
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    turned = TRANSFORMS.build(turn)({'img': image})['img']
    np.testing.assert_array_equal(turned, np.rot90(image))
    ops = CandidateOps(build_space(config.train_cfg.space))
    planted = ops.candidates.index((get_op('classification', 'Rotate90'), None))
    results = ops.apply({'img': image}, [planted], np.random.default_rng(0))
    np.testing.assert_array_equal(results['img'], turned)
