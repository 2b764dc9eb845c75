"""Two gloo ranks: equal to each other, and to one process with the whole batch."""

import os
from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper

from ddas_mm.cli.run import build_runner
from ddas_mm.errors import SettingError
from tests import toy
from tests.ranks import run_ranks, run_tool

pytestmark = pytest.mark.dist
OPTIONS = {
    'train_cfg.max_epochs': 4,
    'model.norm': False,
    'model.dtype': 'float64',
    'optim_wrapper.clip_grad': dict(max_norm=0.5),
}
OPTIMIZERS = {
    'SGD': {'optim_wrapper.optimizer.nesterov': True},
    'AdamW': {
        'optim_wrapper.optimizer': dict(type='AdamW', lr=0.01, _delete_=True),
    },
}
STEPS, NUM_VIEWS = 12, 4
COLLECTIVES = ('all_reduce', 'all_gather', 'broadcast', 'all_gather_object', 'barrier')


class Recorder(Hook):
    """What each step communicated, drew and left behind."""

    def __init__(self):
        self.steps, self.calls, self.images = [], [], []
        for name in COLLECTIVES:
            self._record(name)

    def _record(self, name):
        original = getattr(torch.distributed, name)

        def recorded(tensor, *args, **kwargs):
            self.calls.append((name, getattr(tensor, 'numel', lambda: None)()))
            return original(tensor, *args, **kwargs)

        setattr(torch.distributed, name, recorded)

    def before_train(self, runner):
        dataset = runner.train_loop.val_loader.dataset
        original = type(dataset).__getitem__
        recorder = self

        class Recorded(type(dataset)):
            def __getitem__(self, index):
                recorder.images.append(index)
                return original(self, index)

        dataset.__class__ = Recorded

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.calls.clear()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        policy = runner.train_loop.policy
        self.steps.append(
            {
                'calls': list(self.calls),
                'policies': data_batch['policies'].tolist(),
                'val': list(self.images),
                'alpha': [*policy.alpha_op.tolist(), policy.alpha_total.item()],
            }
        )
        self.images.clear()  # the next mini-batch is drawn before the next step


def search(work_dir, options, *hooks):
    """Search as one rank of those that the environment tells of."""
    config = toy.search_config(work_dir, **options)
    config.experiment_name += os.environ['RANK']
    alone = os.environ['WORLD_SIZE'] == '1'
    config.launcher = 'none' if alone else 'pytorch'
    runner = build_runner(config)
    for hook in hooks:
        runner.register_hook(hook)
    assert is_model_wrapper(runner.model) != alone
    runner.train()
    return runner


def search_recorded(work_dir, options):
    recorder = Recorder()
    runner = search(work_dir, options, recorder)
    params = [p.detach().numpy() for p in runner.model.parameters()]
    found = runner.train_loop.effects
    recorder.steps[-1]['effects'] = [*found.mean, *found.low, *found.p_value]
    return recorder.steps, params


@pytest.fixture(scope='module', params=OPTIMIZERS)
def options(request):
    return {**OPTIONS, **OPTIMIZERS[request.param]}


@pytest.fixture(scope='module')
def alone(tmp_path_factory, options):
    return run_ranks(1, search_recorded, tmp_path_factory.mktemp('one'), options)[0]


@pytest.fixture(scope='module')
def ranks(tmp_path_factory, options):
    half = {
        'train_dataloader.batch_size': 2,
        'train_cfg.policy_dataloader.batch_size': 2,
    }
    folder = tmp_path_factory.mktemp('two')
    return run_ranks(2, search_recorded, folder, {**options, **half})


def test_two_gradients_and_one_value_per_policy_are_reduced_each_step(ranks):
    for steps, params in ranks:
        size = sum(p.size for p in params)
        expected = [('all_reduce', size)] * 2 + [('all_reduce', NUM_VIEWS - 1)]
        assert [step['calls'] for step in steps] == [expected] * STEPS


def test_policies_are_equal_and_s_val_shards_disjoint(ranks):
    for first, second in zip(ranks[0][0], ranks[1][0], strict=True):
        assert first['policies'] == second['policies']
        assert len(first['val']) == len(second['val']) == 2
        assert not set(first['val']) & set(second['val'])


def test_ranks_agree_bit_by_bit(ranks):
    (first, params), (second, others) = ranks
    assert [step['alpha'] for step in first] == [step['alpha'] for step in second]
    assert first[-1]['effects'] == second[-1]['effects']
    for one, other in zip(params, others, strict=True):
        assert (one == other).all()


def test_two_ranks_with_half_the_batch_equal_one_with_the_whole(alone, ranks):
    steps, params = alone
    for whole, half, other in zip(steps, ranks[0][0], ranks[1][0], strict=True):
        assert sorted(half['val'] + other['val']) == sorted(whole['val'])
        torch.testing.assert_close(half['alpha'], whole['alpha'], rtol=0, atol=1e-12)
    assert len(steps) == STEPS
    assert abs(steps[-1]['alpha'][0] - steps[0]['alpha'][0]) > 0.01
    for one, other in zip(params, ranks[0][1], strict=True):
        torch.testing.assert_close(
            torch.from_numpy(one), torch.from_numpy(other), rtol=0, atol=1e-12
        )


class Drift(Hook):
    """A rank whose policy goes its own way."""

    priority = 'HIGH'

    def after_train_epoch(self, runner):
        if runner.rank == 1:
            with torch.no_grad():
                runner.train_loop.policy.alpha_op[0] += 1e-12


def search_that_fails(work_dir, options, *hooks):
    try:
        search(work_dir, options, *hooks)
    except (RuntimeError, SettingError) as error:
        return str(error)
    return None


def test_policies_that_drift_apart_stop_the_search(tmp_path):
    errors = run_ranks(2, search_that_fails, tmp_path, {}, Drift())
    for error in errors:
        assert 'alpha differs between rank' in error
        assert '1e-12' in error


def test_unequal_numbers_of_batches_are_refused_on_all_ranks(tmp_path):
    options = {
        'train_cfg.proxy.num_train': 13,
        'train_dataloader.batch_size': 2,
        'train_dataloader.sampler.round_up': False,
        'train_cfg.policy_dataloader.batch_size': 2,
    }
    errors = run_ranks(2, search_that_fails, tmp_path, options)
    for error in errors:
        assert 'gives 3 to 4 mini-batches an epoch' in error


def threads_after_search(config):
    """Names of the threads that are left when tools/search.py is done."""
    assert run_tool('search', config) == 0
    return [path.read_text() for path in Path('/proc/self/task').glob('*/comm')]


def test_no_thread_of_the_group_outlives_the_tool(tmp_path):
    """One that Python's end meets may abort the process; the others wait for it."""
    config = tmp_path / 'search.py'
    half = {
        'train_cfg.max_epochs': 1,
        'train_dataloader.batch_size': 2,
        'train_cfg.policy_dataloader.batch_size': 2,
    }
    toy.search_config(tmp_path / 'work', **half).dump(config)
    for names in run_ranks(2, threads_after_search, str(config)):
        assert not [name for name in names if 'gloo' in name]
