"""A search on the toy problem: files, log, resume, and what is refused at start."""

import json
import re

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from ddas_mm.core import read_policy
from ddas_mm.errors import SettingError
from tests import toy


def search(work_dir, **changes):
    runner = toy.build_runner(work_dir, **changes)
    runner.train()
    return runner


def test_search_leaves_a_policy_of_one_row_per_epoch(tmp_path):
    runner = search(tmp_path, **{'train_cfg.max_epochs': 3})
    schedule = read_policy(tmp_path / 'policy.json')
    assert len(schedule) == 3
    last = runner.train_loop.policy  # the last row is the state after the last step
    np.testing.assert_array_equal(schedule.op_probs[-1], last.op_probs.detach().numpy())
    assert schedule.total_prob_raw[-1] == last.total_prob.item()
    assert (schedule.op_probs[0] != schedule.op_probs[1]).any()
    record = schedule.search
    assert (record['epochs'], record['steps'], record['skipped_steps']) == (3, 9, 0)
    assert (record['num_train'], record['num_val'], record['world_size']) == (12, 8, 1)
    for name in ('ddas_policy.py', 'total_prob.png', 'op_probs.png'):
        assert (tmp_path / name).stat().st_size > 0


def test_policy_is_there_after_every_epoch(tmp_path):
    class Stop(Exception):
        pass

    runner = toy.build_runner(tmp_path, **{'train_cfg.max_epochs': 5})

    def stop(*args, **kwargs):
        if runner.epoch == 2:
            raise Stop

    runner._train_loop = runner.build_train_loop(runner._train_loop)
    original = runner._train_loop.run_iter
    runner._train_loop.run_iter = lambda *args: (stop(), original(*args))
    with pytest.raises(Stop):
        runner.train()
    assert len(read_policy(tmp_path / 'policy.json')) == 2


def arrays_of(work_dir):
    data = json.loads((work_dir / 'policy.json').read_text())
    return data['total_prob'], data['total_prob_raw'], data['op_probs']


def test_same_seed_gives_the_same_policy_whatever_the_workers(tmp_path):
    search(tmp_path / 'a')
    search(tmp_path / 'b', **{'train_dataloader.num_workers': 2})
    search(tmp_path / 'c', **{'randomness.seed': 4})
    assert arrays_of(tmp_path / 'a') == arrays_of(tmp_path / 'b')
    assert arrays_of(tmp_path / 'a') != arrays_of(tmp_path / 'c')


def test_resumed_search_is_bit_identical(tmp_path):
    whole = search(tmp_path / 'whole', **{'train_cfg.max_epochs': 4})
    checkpoint = tmp_path / 'whole' / 'epoch_2.pth'
    resumed = search(
        tmp_path / 'resumed',
        **{
            'train_cfg.max_epochs': 4,
            'resume': True,
            'load_from': str(checkpoint),
        },
    )
    assert arrays_of(tmp_path / 'whole') == arrays_of(tmp_path / 'resumed')
    for one, other in zip(
        whole.model.parameters(), resumed.model.parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_weights_of_load_from_start_a_new_search(tmp_path):
    search(tmp_path / 'first')
    checkpoint = str(tmp_path / 'first' / 'epoch_2.pth')
    search(tmp_path / 'second', load_from=checkpoint)
    assert len(read_policy(tmp_path / 'second' / 'policy.json')) == 2


def test_resume_from_a_checkpoint_of_another_space_is_refused(tmp_path):
    search(tmp_path / 'first')
    changes = {
        'resume': True,
        'load_from': str(tmp_path / 'first' / 'epoch_1.pth'),
        'train_cfg.space.ops': ['Invert', 'FlipUD'],
    }
    with pytest.raises(SettingError, match=r'epoch_1.pth.*another train_cfg.space'):
        search(tmp_path / 'second', **changes)


def test_log_shows_the_policy_moving(tmp_path):
    search(tmp_path, log_level='INFO')
    log = next(tmp_path.glob('*/*.log')).read_text()
    values = re.findall(r'ddas/total_prob: ([\d.]+)', log)
    assert len(set(values)) > 1
    assert re.search(r'DDAS epoch 2 of 2: p_tp 0\.\d+, \w+( 6)? 0\.\d+', log)


def test_s_val_of_its_own_data_set(tmp_path):
    changes = {
        'train_cfg.proxy': dict(num_train=12, num_val=8),
        'train_cfg.policy_dataloader.dataset': dict(seed=9, size=10),
    }
    runner = search(tmp_path, **changes)
    loop = runner.train_loop
    assert loop.val_loader.dataset.dataset.seed == 9
    assert len(loop.val_loader.dataset) == 8
    assert len(loop.dataloader.dataset) == 12


WRONG = {
    'L': ({'train_cfg.num_policies': 0}, r'num_policies \(L\).*at least 1, but is 0'),
    'L type': ({'train_cfg.num_policies': 2.5}, r'num_policies \(L\).*2.5'),
    'epochs': ({'train_cfg.max_epochs': 0}, 'max_epochs.*but is 0'),
    'depth': ({'train_cfg.space.depth': 0}, r'depth \(N_o\).*but is 0'),
    'op': ({'train_cfg.space.ops': ['Invert', 'Blurr']}, "train_cfg.space.*'Blurr'"),
    'no ops': ({'train_cfg.space.ops': []}, 'train_cfg.space.*ops'),
    'level': ({'train_cfg.space.levels': [-2]}, 'train_cfg.space.*-2'),
    'table': ({'train_cfg.space.table': 'audio'}, "train_cfg.space.*'audio'"),
    'space name': (
        {'train_cfg.space.name': 'cifer'},
        "space.name 'cifer' is not known",
    ),
    'space key': ({'train_cfg.space.magnitude': 3}, "unknown key 'magnitude'"),
    'constant': (
        {'train_cfg.space.constants': dict(padding=1)},
        "train_cfg.space.*'padding'",
    ),
    'total_prob': ({'train_cfg.total_prob': 1.0}, r'total_prob.*\(0, 1\), but is 1.0'),
    'op_lr': ({'train_cfg.op_lr': -1}, 'op_lr.*but is -1'),
    'too many': (
        {'train_cfg.proxy.num_train': 20},
        'num_train=20 and num_val=8.*has 24',
    ),
    'num_val': ({'train_cfg.proxy.num_val': 0}, 'proxy.num_val.*but is 0'),
    'proxy key': ({'train_cfg.proxy.train': 5}, "train_cfg.proxy.*unknown key 'train'"),
    'S_val batch': (
        {'train_cfg.policy_dataloader.batch_size': 9},
        'S_val has 8 images.*policy_dataloader.batch_size=9',
    ),
    'batch': (
        {'train_dataloader.batch_size': 0},
        'train_dataloader.batch_size.*but is 0',
    ),
    'overlap': (
        {'train_cfg.policy_dataloader.dataset': dict(size=20)},
        'overlaps S_train',
    ),
    'empty': (
        {'train_dataloader.dataset.size': 0},
        'train_dataloader.dataset holds no image',
    ),
    'sampler': (
        {'train_dataloader.sampler': dict(type='InfiniteSampler')},
        'train_dataloader.sampler of type InfiniteSampler knows no epochs',
    ),
    'no place': (
        {'train_dataloader.dataset.pipeline': [dict(type='ToyPack')]},
        'must hold one .*DDASAugment.*holds 0',
    ),
    'optimiser': (
        {'optim_wrapper.optimizer': dict(_delete_=True, type='AdamW', lr=0.1)},
        "optim_wrapper.optimizer.type must be 'SGD'.*'AdamW'",
    ),
    'accumulation': (
        {'optim_wrapper.accumulative_counts': 2},
        'optim_wrapper.accumulative_counts must be 1.*but is 2',
    ),
    'smooth': (
        {'custom_hooks.0.smooth': 0},
        r'DDASHook.smooth \(F_s\).*but is 0',
    ),
    'retrain': (
        {'custom_hooks.0.retrain': 'nowhere.py'},
        "DDASHook.retrain 'nowhere.py' does not exist",
    ),
}


@pytest.mark.parametrize('name', WRONG)
def test_wrong_setting_is_refused_at_start_by_name(tmp_path, name):
    changes, message = WRONG[name]
    config = toy.search_config(tmp_path)
    delete = changes.get('optim_wrapper.optimizer', {}).pop('_delete_', False)
    if delete:
        config.optim_wrapper.optimizer = {}
    config.merge_from_dict(changes)
    with pytest.raises(SettingError, match=message) as caught:
        Runner.from_cfg(config).train()
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'policy.json').exists()


def test_hook_without_transform_is_an_error(tmp_path):
    import gc

    gc.collect()
    config = toy.search_config(tmp_path)
    config.train_dataloader.dataset.pipeline = [dict(type='ToyPack')]
    config.train_cfg = dict(by_epoch=True, max_epochs=1)
    with pytest.raises(SettingError, match='no DDASAugment with a policy'):
        Runner.from_cfg(config).train()


def test_training_follows_the_emitted_policy(tmp_path):
    search(tmp_path / 'search', **{'train_cfg.max_epochs': 3})
    config = toy.search_config(tmp_path / 'train', log_level='INFO')
    policy = Config.fromfile(tmp_path / 'search' / 'ddas_policy.py').ddas_policy
    config.train_dataloader.dataset.pipeline[0].policy = policy
    config.train_cfg = dict(by_epoch=True, max_epochs=6)
    Runner.from_cfg(config).train()
    log = next((tmp_path / 'train').glob('*/*.log')).read_text()
    rows = re.findall(r'epoch (\d) of 6 uses row (\d) of 3: p_tp 0\.\d+, top', log)
    assert rows == [('1', '1'), ('3', '2'), ('5', '3')]
    counts = re.findall(r'DDAS: (\d+) of (\d+) images augmented', log)
    assert len(counts) == 6
    assert all(seen == '24' for _, seen in counts)
    assert 0 < sum(int(augmented) for augmented, _ in counts) < 6 * 24
