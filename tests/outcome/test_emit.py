"""Emitted configs: self-contained, inheritable, equal to policy.json."""

import os
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import TRANSFORMS
from mmengine.runner import Runner

from ddas_mm.augment.candidates import build_space
from ddas_mm.augment.replay import find_augments
from ddas_mm.config import set_data_root
from ddas_mm.errors import SettingError
from ddas_mm.outcome.emit import Emitter, read_retrain_config
from ddas_mm.policy import PolicySchedule, policy_from_dict, read_policy, write_policy
from ddas_mm.search import loop
from tests import toy
from tests.killable import STEPS, killed_search, write_config
from tests.ranks import Group

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
def later(schedule):
    """The policy of the search's next epoch."""
    snapshots = list(zip(schedule.total_prob, schedule.op_probs, strict=True))
    return PolicySchedule.from_snapshots(schedule.space, [*snapshots, snapshots[0]])


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


def test_files_say_where_nothing_is_told_and_hold_no_effects(
    tmp_path, schedule, retrain
):
    unknown = {'verdict': 'not told apart', 'draws': 3, 'candidate': 'a'}
    schedule.search['effects'] = [unknown] * 59
    emit(schedule, tmp_path / 'out', retrain)
    for name in ('ddas_policy.py', 'retrain_net.py'):
        text = (tmp_path / 'out' / name).read_text()
        assert text.count('# None of the 59 candidates is told apart') == 1
        assert "'effects'" not in text
        Config.fromfile(tmp_path / 'out' / name)


EMITTED = {'learned': 0, 'without_harmful': 1, 'helpful': 4}


@pytest.mark.parametrize('emit', EMITTED)
def test_hook_emits_the_candidates_asked_for(tmp_path, monkeypatch, emit):
    estimate = loop.estimate_effects

    def told(**history):
        verdict = ['helps', 'harms', *['not told apart'] * 3]
        return replace(estimate(**history), verdict=verdict)

    monkeypatch.setattr(loop, 'estimate_effects', told)
    changes = {'train_cfg.max_epochs': 1, 'custom_hooks.0.emit': emit}
    toy.build_runner(tmp_path, **changes).train()
    emitted = Config.fromfile(tmp_path / 'ddas_policy.py').ddas_policy
    zeros = np.equal(emitted.op_probs[0], 0)
    assert zeros.sum() == EMITTED[emit]
    assert zeros[1] == (emit != 'learned')
    assert (read_policy(tmp_path / 'policy.json').op_probs > 0).all()


def test_unknown_emission_is_refused(tmp_path):
    with pytest.raises(SettingError, match="emit must be one of learned.*'best'"):
        toy.build_runner(tmp_path, **{'custom_hooks.0.emit': 'best'})


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


def test_pure_python_config_inherits_the_policy(tmp_path, schedule, retrain):
    emit(schedule, tmp_path / 'out', retrain)
    child = tmp_path / 'project' / 'configs' / 'mine.py'
    child.parent.mkdir(parents=True)
    child.write_text(
        'from mmengine.config import read_base\n'
        'from mmengine.dataset import DefaultSampler\n'
        'with read_base():\n'
        '    from ...out.ddas_policy import *\n'
        'sampler = dict(type=DefaultSampler)\n'
        "augment = dict(type='ddas_mm.DDASAugment', policy=ddas_policy)\n"
    )
    config = Config.fromfile(child)
    found = policy_from_dict(config.augment.policy.to_dict())
    assert found.space == schedule.space
    np.testing.assert_allclose(found.op_probs, schedule.op_probs, atol=5e-7)


def test_pure_python_training_config_is_emitted(tmp_path, schedule):
    path = tmp_path / 'lazy.py'
    path.write_text(
        'from mmcv.transforms import LoadImageFromFile\n'
        'from mmengine.dataset import DefaultSampler\n'
        'from ddas_mm.augment import DDASAugment\n'
        'from ddas_mm.hook import DDASHook\n'
        'pipeline = [dict(type=LoadImageFromFile), dict(type=DDASAugment)]\n'
        'train_dataloader = dict(\n'
        '    sampler=dict(type=DefaultSampler), dataset=dict(pipeline=pipeline))\n'
        'custom_hooks = [dict(type=DDASHook)]\n'
    )
    emit(schedule, tmp_path / 'out', path)
    config = Config.fromfile(tmp_path / 'out' / 'retrain_lazy.py')
    step = TRANSFORMS.build(config.train_dataloader.dataset.pipeline[1])
    assert len(step.schedule) == len(schedule)
    assert len(config.custom_hooks) == 1


def write_all(schedule, folder, retrain):
    write_policy(schedule, folder / 'policy.json')
    Emitter(retrain).write(schedule, folder)


def rows_of(folder):
    """Rows of the policy in each file; fails where a file is not whole."""
    json_file, config, training = (
        folder / name for name in ('policy.json', 'ddas_policy.py', 'retrain_net.py')
    )
    policies = (
        Config.fromfile(config).ddas_policy,
        augment_of(Config.fromfile(training)).policy,
    )
    return [
        len(read_policy(json_file)),
        *(len(policy_from_dict(policy.to_dict())) for policy in policies),
    ]


@pytest.mark.parametrize('failing', ['fsync', 'replace'])
def test_failed_write_leaves_the_old_files(
    tmp_path, schedule, later, retrain, monkeypatch, failing
):
    def fail(*args):
        raise OSError(28, 'No space left on device')

    folder = tmp_path / 'out'
    folder.mkdir()
    write_all(schedule, folder, retrain)
    emitter = Emitter(retrain)
    with monkeypatch.context() as patch:
        patch.setattr(os, failing, fail)
        with pytest.raises(OSError, match='No space'):
            write_policy(later, folder / 'policy.json')
        with pytest.raises(OSError, match='No space'):
            emitter.write(later, folder)
    assert rows_of(folder) == [4, 4, 4]
    assert len(list(folder.iterdir())) == 3  # and nothing else


def test_kill_in_the_middle_of_writing_leaves_whole_files(
    tmp_path, schedule, later, retrain
):
    folder = tmp_path / 'out'
    folder.mkdir()
    write_all(schedule, folder, retrain)
    for delay in np.random.default_rng(0).uniform(0, 0.05, size=8):
        child = os.fork()
        if child == 0:
            while True:
                for policy in (later, schedule):
                    write_all(policy, folder, retrain)
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert set(rows_of(folder)) <= {4, 5}


def test_files_of_a_killed_search_are_those_of_its_last_whole_epoch(tmp_path):
    path = write_config(tmp_path / 'search')
    training = toy.search_config(tmp_path / 'trained')
    training.train_cfg = dict(by_epoch=True, max_epochs=2)
    training.custom_hooks = []
    training.dump(tmp_path / 'search' / 'net.py')
    search = Config.fromfile(path)
    search.custom_hooks[0].retrain = 'net.py'
    search.dump(path)
    group = Group(1, killed_search, path, 3 * STEPS + 2, 'after_train_iter', 0)
    group.processes[0].join(60)
    group.kill()
    work = tmp_path / 'search' / 'work'
    assert len(read_policy(work / 'policy.json')) == 3
    assert len(Config.fromfile(work / 'ddas_policy.py').ddas_policy.total_prob) == 3
    runner = Runner.from_cfg(Config.fromfile(work / 'retrain_net.py'))
    runner.train()
    (step,) = find_augments(runner.train_dataloader.dataset)
    assert len(step.schedule) == 3
    assert step.clock.is_set is False  # the hook, which was added, has driven it
    assert step.counts._counts.sum(dim=0)[0] == 2 * 24
