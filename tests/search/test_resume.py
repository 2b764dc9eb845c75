"""A search that is killed and resumed gives the policy of one that is not."""

import json
import os
import re
import shutil
import signal
import time
from argparse import Namespace

import numpy as np
import pytest
import torch
from mmengine.config import Config

from ddas_mm.cli.checks import check_load_from
from ddas_mm.cli.run import apply_train_arguments
from ddas_mm.errors import SettingError
from ddas_mm.search.resume import check_fits, prepare_resume
from tests.killable import EPOCHS, MOMENTS, STEPS, killed_search, write_config
from tests.ranks import Group, run_ranks, run_tool


def search(config, *arguments, ranks=1):
    """tools/search.py, to its end."""
    assert run_ranks(ranks, run_tool, 'search', config, *arguments) == [0] * ranks


def result_of(config):
    """The arrays of policy.json, and the tensors of the last checkpoint."""
    work = os.path.join(os.path.dirname(config), 'work')
    with open(os.path.join(work, 'policy.json')) as file:
        data = json.load(file)
    checkpoint = torch.load(f'{work}/epoch_{EPOCHS}.pth', weights_only=False)
    state = checkpoint['optimizer']['state'].values()
    adam = checkpoint['ddas']['policy']['op_optimizer']
    tensors = [*checkpoint['state_dict'].values(), adam['exp_avg'], adam['exp_avg_sq']]
    tensors += [value for one in state for value in one.values()]
    tensors += checkpoint['ddas']['history'].values()
    arrays = [data[name] for name in ('total_prob', 'total_prob_raw', 'op_probs')]
    with np.load(os.path.join(work, 'effects.npz')) as steps:
        for name, values in steps.items():
            np.testing.assert_array_equal(values, checkpoint['ddas']['history'][name])
    arrays.append(data['search']['effects'])
    return arrays, [tensor.tolist() for tensor in tensors]


def log_of(config):
    work = os.path.join(os.path.dirname(config), 'work')
    names = sorted(os.listdir(work))
    logs = [f'{work}/{name}/{name}.log' for name in names if re.match(r'\d+_', name)]
    return ''.join(open(log).read() for log in logs)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """Uninterrupted searches, by the number of ranks."""
    found = {}

    def of(ranks):
        if ranks not in found:
            folder = tmp_path_factory.mktemp('whole') / str(ranks)
            found[ranks] = write_config(folder, ranks=ranks)
            search(found[ranks], ranks=ranks)
        return found[ranks]

    return of


def kill_points(seed):
    """Three random steps, each with a random moment, and the end."""
    rng = np.random.default_rng(seed)
    steps = np.sort(rng.choice(EPOCHS * STEPS - 1, 3, replace=False)).tolist()
    return [*zip(steps, rng.permutation(MOMENTS).tolist(), strict=True)]


SLOW = pytest.mark.slow
KINDS = [(0, 1), (2, 2)], [(2, 1), (0, 2)]  # both values of each, and the rest


@pytest.mark.dist
@pytest.mark.parametrize(
    ('workers', 'ranks'),
    [*KINDS[0], *(pytest.param(*kind, marks=SLOW) for kind in KINDS[1])],
)
def test_search_killed_at_random_points_is_bit_identical(
    tmp_path, whole, workers, ranks
):
    config = write_config(tmp_path / 'killed', workers, ranks)
    points = kill_points(seed=10 * workers + ranks)
    if (workers, ranks) == (0, 1):
        points.append((EPOCHS * STEPS, 'after_train'))
    for step, moment in points:
        # checkpoints are rank 0's; else the last rank is the one to die
        rank = 0 if moment == 'before_save_checkpoint' else ranks - 1
        group = Group(ranks, killed_search, config, step, moment, rank)
        group.processes[rank].join(60)
        group.kill()
        assert group.processes[rank].exitcode == -signal.SIGKILL, (step, moment)
    search(config, '--resume', ranks=ranks)
    assert result_of(config) == result_of(whole(ranks))
    resumed = set(re.findall(r'resumed epoch: (\d), iter: \d+', log_of(config)))
    assert len(resumed) >= 2  # it did go on, from different epochs


def test_moments_of_adamw_are_resumed(tmp_path):
    adamw = {'optim_wrapper.optimizer': dict(type='AdamW', lr=0.01, _delete_=True)}
    configs = [write_config(tmp_path / name, **adamw) for name in ('whole', 'killed')]
    search(configs[0])
    group = Group(1, killed_search, configs[1], 12, MOMENTS[0], 0)
    group.processes[0].join(60)
    group.kill()
    search(configs[1], '--resume')
    assert result_of(configs[1]) == result_of(configs[0])
    assert 'resumed epoch: 2' in log_of(configs[1])


def copy_of(config, folder):
    shutil.copytree(os.path.dirname(config), folder)
    path = folder / 'search.py'
    changed = Config.fromfile(path)
    changed.work_dir = str(folder / 'work')
    changed.dump(path)
    (folder / 'work' / 'policy.json').unlink()
    return str(path)


def cut(path, share):
    os.truncate(path, int(os.path.getsize(path) * share))


def test_half_written_checkpoints_are_skipped_for_the_one_before(tmp_path, whole):
    config = copy_of(whole(1), tmp_path / 'cut')
    work = tmp_path / 'cut' / 'work'
    cut(work / 'epoch_6.pth', 0.99)
    cut(work / 'epoch_5.pth', 0)
    (work / 'last_checkpoint').write_text('')
    search(config, '--resume')
    assert result_of(config) == result_of(whole(1))
    lines = re.findall(r'Resuming from .*', log_of(config))
    assert len(lines) == 1
    assert re.search(r'epoch_4.pth; epoch_[56].pth, epoch_[56].pth cannot be', lines[0])


def test_resume_without_any_whole_checkpoint_begins_anew(tmp_path, whole):
    config = Config.fromfile(copy_of(whole(1), tmp_path / 'cut'))
    for number in (4, 5, 6):
        cut(tmp_path / 'cut' / 'work' / f'epoch_{number}.pth', 0.5)
    config.resume = True
    note = prepare_resume(config)
    assert not config.resume
    assert note.startswith('Resuming from nowhere, from the beginning; epoch_')


def test_where_nothing_can_be_resumed_the_weights_of_load_from_are_taken(tmp_path):
    config = Config(dict(load_from='weights.pth', work_dir=str(tmp_path)))
    arguments = Namespace(resume='auto', seed=None, auto_scale_lr=False)
    apply_train_arguments(config, arguments)
    told = prepare_resume(config)
    assert told.endswith('from the beginning with the weights of weights.pth')
    assert (config.resume, config.load_from) == (False, 'weights.pth')
    with pytest.raises(SettingError, match="'weights.pth' does not exist"):
        check_load_from(config)


def test_resumed_search_goes_on_with_the_seed_that_was_drawn(tmp_path):
    config = write_config(tmp_path / 'drawn', seed=None)
    (process,) = (group := Group(1, killed_search, config, 17, MOMENTS[0], 0)).processes
    process.join(60)
    group.kill()
    search(config, '--resume')
    drawn = torch.load(tmp_path / 'drawn/work/epoch_6.pth', weights_only=False)
    again = write_config(tmp_path / 'again', seed=drawn['meta']['seed'])
    search(again)
    assert result_of(config) == result_of(again)


def test_named_checkpoint_must_be_there_and_whole(tmp_path):
    config = Config(dict(resume=True, load_from=str(tmp_path / 'a.pth')))
    with pytest.raises(SettingError, match="a.pth' does not exist"):
        prepare_resume(config)
    torch.save({'state_dict': {}}, tmp_path / 'a.pth')
    prepare_resume(config)
    cut(tmp_path / 'a.pth', 0.9)
    with pytest.raises(SettingError, match="a.pth' is damaged or no checkpoint"):
        prepare_resume(config)


@pytest.mark.parametrize(('given', 'taken'), [(None, 3), (4, 4)])
def test_seed_of_the_checkpoint_is_taken_where_the_config_has_none(
    tmp_path, given, taken
):
    torch.save({'state_dict': {}, 'meta': {'seed': 3}}, tmp_path / 'a.pth')
    config = Config(dict(resume=True, load_from=str(tmp_path / 'a.pth')))
    config.randomness = dict(seed=given)
    prepare_resume(config)
    assert config.randomness.seed == taken


FACTS = {'randomness.seed': 3, 'number of processes': 2, 'train_cfg.space': ('A', 'B')}
UNFIT = {
    'training': ({}, 'a.pth is no checkpoint of a search'),
    'seed': (
        {'ddas': {'facts': {**FACTS, 'randomness.seed': 4}}, 'optimizer': {}},
        r'a.pth was searched with another randomness.seed \(4, now 3\)',
    ),
    'world size': (
        {'ddas': {'facts': {**FACTS, 'number of processes': 1}}, 'optimizer': {}},
        r'a.pth was searched with another number of processes \(1, now 2\)',
    ),
    'optimiser': (
        {'ddas': {'facts': FACTS}},
        'a.pth holds no state of the optimiser.*save_optimizer=True',
    ),
}


@pytest.mark.parametrize('name', UNFIT)
def test_checkpoint_that_does_not_fit_is_refused(name):
    checkpoint, message = UNFIT[name]
    with pytest.raises(SettingError, match=message):
        check_fits('a.pth', checkpoint, FACTS)


@SLOW
@pytest.mark.dist
@pytest.mark.parametrize(('workers', 'ranks'), KINDS[0] + KINDS[1])
def test_five_kills_at_any_time_each(tmp_path, whole, workers, ranks):
    """Twenty kills by the clock, wherever the processes happen to be."""
    rng = np.random.default_rng([workers, ranks])
    config = write_config(tmp_path / 'killed', workers, ranks)
    start = time.perf_counter()
    search(whole(ranks), ranks=ranks)
    duration = time.perf_counter() - start
    kills = 0
    while kills < 5:
        group = Group(ranks, run_tool, 'search', config, '--resume')
        time.sleep(rng.uniform(0.1, 0.9) * duration)
        if not group.kill():  # it had come to its end: begin anew
            assert result_of(config) == result_of(whole(ranks))
            shutil.rmtree(tmp_path / 'killed')
            config = write_config(tmp_path / 'killed', workers, ranks)
        else:
            kills += 1
    search(config, '--resume', ranks=ranks)
    assert result_of(config) == result_of(whole(ranks))
