"""Search configs name their companions, and hold the paper's settings.

That every config builds and runs is tests/integration/test_configs_run.py's.
"""

from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import LOOPS, TRANSFORMS, init_default_scope

from ddas_mm.core import SearchSpace
from ddas_mm.data.space import CandidateOps, build_space
from ddas_mm.engine.emit import find_dicts, find_retrain_config, read_retrain_config
from ddas_mm.ops import get_op

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


@pytest.mark.parametrize(
    ('path', 'candidates', 'policies', 'epochs'),
    [
        ('ddas_retinanet_r50_coco.py', 59, 3, 30),
        ('ddas_resnet18_imagenet.py', 31, 2, 40),
        ('ddas_wrn40-2_cifar10.py', 51, 3, 20),
        ('ddas_wrn40-2_cifar100.py', 51, 3, 20),
        ('ddas_wrn40-2_svhn.py', 51, 3, 20),
    ],
)
def test_settings_are_the_papers(path, candidates, policies, epochs):
    train = Config.fromfile(ROOT / path).train_cfg
    space = build_space(train.space)
    assert (len(space), space.depth) == (candidates, 2)
    assert (train.num_policies, train.max_epochs) == (policies, epochs)


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
