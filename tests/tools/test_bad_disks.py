"""Disks that are read-only or full: no damaged file, one sentence."""

import os
import subprocess

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS

from ddas_mm.cli.run import run
from ddas_mm.files import write_atomically
from ddas_mm.policy import read_policy
from tests import toy
from tests.told import told


@pytest.fixture
def disk(tmp_path):
    """A disk of 256 kB."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    options = ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', folder]
    mounted = subprocess.run(['mount', *options], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f'cannot mount a small disk: {mounted.stderr.strip()}')
    yield folder
    subprocess.run(['umount', '--lazy', folder], check=True)


def test_work_dir_that_is_read_only(capsys, monkeypatch, disk):
    subprocess.run(['mount', '-o', 'remount,ro', disk], check=True)
    config = toy.search_config(disk / 'work')
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert f"work_dir '{disk}/work' cannot be written to: Read-only" in sentence


def test_writing_removes_what_a_killed_writer_has_left(tmp_path):
    names = ['.policy.json.old', '.policy.json.new', '.report.html.old', 'policy.json.']
    for name in names:
        (tmp_path / name).write_text('half')
        if not name.endswith('.new'):  # may be another process's, still at work
            os.utime(tmp_path / name, (0, 0))
    write_atomically(tmp_path / 'policy.json', 'whole')
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {'policy.json', *names[1:]}
    assert (tmp_path / 'policy.json').read_text() == 'whole'


@HOOKS.register_module()
class FillDisk(Hook):
    """Leaves no room on the work_dir's disk, at the end of the second epoch."""

    priority = 'VERY_HIGH'

    def after_train_epoch(self, runner):
        if runner.epoch == 1:
            with open(f'{runner.work_dir}/filler', 'wb', buffering=0) as file:
                while True:
                    try:
                        file.write(bytes(512))
                    except OSError:
                        return


def test_full_disk_leaves_the_policy_of_the_epoch_before(capsys, monkeypatch, disk):
    config = toy.search_config(disk / 'work')
    config.train_cfg.max_epochs = 3
    config.custom_hooks.append(dict(type='FillDisk'))
    # the policy is what is looked at, not the log
    config.default_hooks.logger.interval = 1000
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert 'No space left on device; free some, or set another --work-dir' in sentence
    work = disk / 'work'
    assert len(read_policy(work / 'policy.json')) == 1
    assert not list(work.glob('.policy*'))
    checkpoints = sorted(path.name for path in work.glob('*.pth'))
    assert checkpoints == ['epoch_1.pth']
    state = torch.load(work / 'epoch_1.pth', weights_only=False)
    assert np.isfinite(state['ddas']['snapshots'][0][0])
