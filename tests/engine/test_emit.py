"""Emitted configs: self-contained, inheritable, equal to policy.json."""

import numpy as np
import pytest
from mmengine.config import Config

from ddas_mm.core import PolicySchedule, policy_from_dict
from ddas_mm.data.space import build_space
from ddas_mm.engine.data_root import set_data_root
from ddas_mm.engine.emit import Emitter, read_retrain_config
from ddas_mm.errors import SettingError

TRAINING = """
data_root = 'data/set/'
train_pipeline = [
    dict(type='LoadImageFromFile'), dict(type='ddas_mm.DDASAugment'),
    dict(type='PackInputs')]
train_dataloader = dict(
    dataset=dict(type='ConcatDataset', datasets=[
        dict(type='A', data_root='data/set/', ann_file='a.json',
             pipeline=train_pipeline)]))
val_evaluator = dict(type='CocoMetric', ann_file=data_root + 'val.json')
"""


@pytest.fixture
def schedule():
    rng = np.random.default_rng(0)
    space = build_space(dict(name='coco'))
    rows = rng.dirichlet(np.ones(len(space)), size=4)
    return PolicySchedule.from_snapshots(
        space, [(rng.random(), row) for row in rows], 2, {'seed': 5}
    )


@pytest.fixture
def retrain(tmp_path):
    path = tmp_path / 'net.py'
    path.write_text(TRAINING)
    return path


def emit(schedule, folder, retrain):
    folder.mkdir()
    return Emitter(retrain).write(schedule, folder)


def augment_of(config):
    return config.train_dataloader.dataset.datasets[0].pipeline[1]


def test_retrain_config_holds_the_policy_and_survives_a_move(
    tmp_path, schedule, retrain
):
    emit(schedule, tmp_path / 'out', retrain)
    (tmp_path / 'out' / 'retrain_net.py').rename(tmp_path / 'moved.py')
    retrain.unlink()
    config = Config.fromfile(tmp_path / 'moved.py')
    found = policy_from_dict(augment_of(config).policy.to_dict())
    np.testing.assert_allclose(found.op_probs, schedule.op_probs, atol=5e-7)
    np.testing.assert_allclose(found.total_prob, schedule.total_prob, atol=5e-7)
    assert found.space == schedule.space
    assert config.custom_hooks[-1].type == 'ddas_mm.DDASHook'
    assert config.pretty_text.count('op_probs') == 2  # pipeline variable and data set


def test_policy_is_one_key_and_inherited_beside_another_base(
    tmp_path, schedule, retrain
):
    emit(schedule, tmp_path / 'out', retrain)
    assert list(Config.fromfile(tmp_path / 'out' / 'ddas_policy.py')) == ['ddas_policy']
    child = tmp_path / 'child' / 'mine.py'
    child.parent.mkdir()
    child.write_text(
        "_base_ = ['../net.py', '../out/ddas_policy.py']\n"
        "augment = dict(type='ddas_mm.DDASAugment', policy=_base_.ddas_policy)\n"
    )
    config = Config.fromfile(child)
    found = policy_from_dict(config.augment.policy.to_dict())
    assert found.space == schedule.space


def test_a_row_of_probabilities_is_one_line(tmp_path, schedule, retrain):
    emit(schedule, tmp_path / 'out', retrain)
    lines = (tmp_path / 'out' / 'ddas_policy.py').read_text().splitlines()
    assert len(lines) < len(schedule) + len(schedule.space) + 20


def test_retrain_config_without_a_place_for_the_policy_is_refused(tmp_path, retrain):
    retrain.write_text(TRAINING.replace("dict(type='ddas_mm.DDASAugment'),", ''))
    with pytest.raises(SettingError, match=r'net.py.* has no .*DDASAugment'):
        read_retrain_config(retrain)


def test_data_root_reaches_data_sets_and_evaluators(retrain):
    config = Config.fromfile(retrain)
    set_data_root(config, '/new/place')
    dataset = config.train_dataloader.dataset.datasets[0]
    assert dataset.data_root == '/new/place/'
    assert dataset.ann_file == 'a.json'
    assert config.val_evaluator.ann_file == '/new/place/val.json'


def test_data_root_of_a_config_without_one_is_refused(tmp_path):
    path = tmp_path / 'none.py'
    path.write_text('model = dict(type="A")\n')
    with pytest.raises(SettingError, match=r"--data-root '/x' has no effect"):
        set_data_root(Config.fromfile(path), '/x')
