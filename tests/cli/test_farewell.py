"""What a stopped run says of its checkpoints, its policy, and how it goes on."""

import os
import sys

import numpy as np
import pytest
from mmengine.config import Config

from ddas_mm.cli.run import how_to_go_on, with_resume
from ddas_mm.policy import PolicySchedule, write_policy
from tests.replaying import SPACE

COMMAND = ['python', 'tools/search.py', 'a config.py']


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, 'orig_argv', COMMAND)
    loop = dict(type='ddas_mm.DDASLoop', max_epochs=5)
    return Config(dict(work_dir=str(tmp_path), train_cfg=loop))


def save(folder, epochs):
    (folder / f'epoch_{epochs}.pth').write_text('a checkpoint')
    policy = PolicySchedule.from_snapshots(
        SPACE, [(0.5, np.array([0.5, 0.5]))] * epochs
    )
    write_policy(policy, folder / 'policy.json')


def lines_of(farewell):
    """The lines of what is said, the command last."""
    return [line.strip() for line in farewell().splitlines()]


def test_run_goes_on_from_its_last_checkpoint(config, tmp_path):
    farewell = how_to_go_on(config)
    save(tmp_path, 1)
    save(tmp_path, 2)
    os.utime(tmp_path / 'epoch_1.pth', (0, 0))
    policy, what, command = lines_of(farewell)
    assert policy == f'{tmp_path}/policy.json holds the policy of 2 of 5 epochs'
    assert what == 'epoch_2.pth is its last checkpoint; to go on:'
    assert command == "python tools/search.py 'a config.py' --resume"


def test_first_epoch_has_nothing_to_go_on_from(config):
    what, command = lines_of(how_to_go_on(config))
    assert what == 'no new checkpoint yet; to start as before:'
    assert not command.endswith('--resume')


def test_what_an_earlier_run_left_is_not_gone_on_from(config, tmp_path):
    save(tmp_path, 2)
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    what, command = lines_of(how_to_go_on(config))
    assert what == 'no new checkpoint yet; to start as before:'
    assert not command.endswith('--resume')


@pytest.mark.parametrize('resume', [['--resume'], ['--resume', 'old.pth']])
def test_resumed_run_is_resumed_again_as_it_was_until_there_is_a_new_checkpoint(
    config, tmp_path, monkeypatch, resume
):
    monkeypatch.setattr(sys, 'orig_argv', [*COMMAND, *resume, '--amp'])
    save(tmp_path, 2)
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    farewell = how_to_go_on(config)
    what, command = lines_of(farewell)
    assert what == 'no new checkpoint yet; to start as before:'
    assert command.endswith(' '.join([*resume, '--amp']))
    save(tmp_path, 3)
    assert lines_of(farewell)[1].startswith('epoch_3.pth')
    assert lines_of(farewell)[2].endswith("'a config.py' --amp --resume")


def test_launching_script_names_its_command(config, monkeypatch):
    config.launcher = 'pytorch'
    assert lines_of(how_to_go_on(config))[-1] == 'the same command'
    monkeypatch.setenv('DDAS_COMMAND', "bash 'dist search.sh' '--resume'")
    command = lines_of(how_to_go_on(config))[-1]
    assert command == "bash 'dist search.sh' --resume"


def test_training_speaks_of_no_policy(config):
    config.train_cfg = dict(by_epoch=True, max_epochs=5)
    assert 'policy' not in how_to_go_on(config)()


@pytest.mark.parametrize(
    'words', ['a b', 'a --resume b', 'a --resume x.pth b', 'a --resume=x.pth b']
)
def test_resume_stands_once_at_the_end(words):
    expected = 'a --resume' if words == 'a --resume b' else 'a b --resume'
    assert ' '.join(with_resume(words.split())) == expected
