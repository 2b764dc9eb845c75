"""A search on the toy problem: files, log, resume, and what is refused at start."""

import json
import re
from collections import defaultdict

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ddas_mm.errors import SettingError
from ddas_mm.policy import read_policy
from tests import toy


def search(work_dir, **changes):
    runner = toy.build_runner(work_dir, **changes)
    runner.train()
    return runner


@pytest.mark.drawn
def test_search_leaves_a_policy_of_one_row_per_epoch(tmp_path):
    runner = search(tmp_path, **{'train_cfg.max_epochs': 3})
    schedule = read_policy(tmp_path / 'policy.json')
    assert len(schedule) == 3
    last = runner.train_loop.policy  # the last row is the state after the last step
    np.testing.assert_array_equal(schedule.op_probs[-1], last.op_probs.detach().numpy())
    raw = schedule.total_prob_raw
    assert raw[-1] == last.total_prob.item()
    np.testing.assert_allclose(schedule.total_prob[1:], (raw[1:] + raw[:-1]) / 2)
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


class Recorder(Hook):
    """Policies and labels of each step, by epoch."""

    def __init__(self):
        self.policies, self.labels = defaultdict(list), defaultdict(list)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.policies[runner.epoch].append(data_batch['policies'].tolist())
        self.labels[runner.epoch].append(data_batch['views'][0]['labels'].tolist())


def test_each_epoch_has_policies_and_an_order_of_its_own(tmp_path):
    # The loop sees to it, whether or not MMEngine's hook does so too.
    runner = toy.build_runner(tmp_path, **{'default_hooks.sampler_seed': None})
    recorder = Recorder()
    runner.register_hook(recorder)
    runner.train()
    for drawn in (recorder.policies, recorder.labels):
        assert len(drawn[0]) == len(drawn[1]) == 3
        assert drawn[0] != drawn[1]


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


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp('first')
    search(folder, **{'train_cfg.max_epochs': 1})
    return str(folder / 'epoch_1.pth')


@pytest.mark.parametrize(
    ('setting', 'value', 'name'),
    [
        ('train_cfg.space.ops', ['Invert', 'FlipUD'], 'train_cfg.space'),
        ('train_cfg.space.levels', [4], 'train_cfg.space'),
        ('train_cfg.space.depth', 1, 'train_cfg.space'),
        ('train_cfg.num_policies', 2, r'train_cfg.num_policies \(L\) \(3, now 2\)'),
        ('randomness.seed', 4, r'randomness.seed \(3, now 4\)'),
        ('train_cfg.proxy.num_train', 8, r'number of steps per epoch \(3, now 2\)'),
    ],
)
def test_resume_of_another_search_is_refused(
    tmp_path, checkpoint, setting, value, name
):
    changes = {'resume': True, 'load_from': checkpoint, setting: value}
    with pytest.raises(SettingError, match=rf'epoch_1.pth.*another {name}'):
        search(tmp_path, **changes)


def test_resume_with_another_number_of_processes_is_refused(
    tmp_path, checkpoint, monkeypatch
):
    monkeypatch.setattr(Runner, 'world_size', 2)
    changes = {'resume': True, 'load_from': checkpoint}
    with pytest.raises(SettingError, match=r'number of processes \(1, now 2\)'):
        search(tmp_path, **changes)


def test_skipped_steps_are_counted_on_after_a_resume(tmp_path, checkpoint):
    state = torch.load(checkpoint, weights_only=False)
    state['ddas']['skipped_steps'] = 7
    torch.save(state, tmp_path / 'epoch_1.pth')
    search(tmp_path, resume=True, load_from=str(tmp_path / 'epoch_1.pth'))
    assert read_policy(tmp_path / 'policy.json').search['skipped_steps'] == 7


def test_settings_reach_data_and_policy(tmp_path):
    options = {
        'train_cfg.paired': True,
        'train_cfg.betas': (0.8, 0.9),
        'train_cfg.proxy.num_train': 10,
        'train_dataloader.drop_last': True,
    }
    runner = toy.build_runner(tmp_path, **options)
    loop = runner.build_train_loop(runner._train_loop)
    assert loop.dataloader.dataset.paired
    for adam in (loop.policy.op_optimizer, loop.policy.total_optimizer):
        assert adam.betas == (0.8, 0.9)
    assert len(loop.dataloader) == len(list(loop.dataloader)) == 2  # of 4 images


def test_log_shows_the_policy_moving(tmp_path):
    runner = search(tmp_path, log_level='INFO')
    probs = runner.train_loop.policy.op_probs.detach().numpy()
    scalars = runner.message_hub.log_scalars
    for name, value in (
        ('top_prob', probs.max()),
        ('entropy', -(probs * np.log(probs)).sum()),
    ):
        assert scalars[f'train/ddas/{name}'].current() == pytest.approx(value)
    log = next(tmp_path.glob('*/*.log')).read_text()
    values = re.findall(r'ddas/total_prob: ([\d.]+)', log)
    assert len(set(values)) > 1
    assert len(re.findall(r'DDAS effects: \d+ help.*; \d+ not told apart', log)) == 2
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
