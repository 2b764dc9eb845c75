"""What a refused start takes back, and what it leaves."""

import os
import subprocess

import pytest

from ddas_mm.cli.run import nothing_left_on_error
from ddas_mm.errors import SearchFailed, SettingError


def write_what_a_start_writes(work):
    (work / 'logs' / 'vis').mkdir(parents=True)
    (work / 'logs' / 'a.log').write_text('a')
    with open(work / 'logs' / 'vis' / 'b.json', 'ab') as file:
        file.write(b'b')
    os.close(os.open(work / 'd.py', os.O_CREAT | os.O_WRONLY))
    (work / '.c.part').write_text('c')
    os.replace(work / '.c.part', work / 'c.json')


def refuse(work, *actions, error=SettingError):
    def start():
        write_what_a_start_writes(work)
        for action in actions:
            action()
        raise error('it is refused')

    with pytest.raises(error), nothing_left_on_error(str(work)):
        start()


def files_of(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob('*') if p.is_file())


WRITTEN = ['c.json', 'd.py', 'logs/a.log', 'logs/vis/b.json']


def test_nothing_is_left_not_even_the_folder(tmp_path, monkeypatch):
    refuse(tmp_path / 'work')
    assert not list(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    refuse(tmp_path.relative_to(tmp_path) / 'work')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('name', ['other.txt', 'logs/other.log', 'logs/vis/x/y/z'])
def test_what_another_process_writes_meanwhile_stays(tmp_path, name):
    path = tmp_path / 'work' / name

    def write():
        subprocess.run(['mkdir', '-p', path.parent], check=True)
        subprocess.run(['touch', path], check=True)

    refuse(tmp_path / 'work', write, lambda: path.read_text())
    assert files_of(tmp_path / 'work') == [name]


def test_what_was_there_stays(tmp_path):
    for name in ('notes.txt', 'd.py', 'results/epoch_1.pth'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text('mine')
    refuse(tmp_path)
    assert files_of(tmp_path) == ['d.py', 'notes.txt', 'results/epoch_1.pth']
    assert (tmp_path / 'notes.txt').read_text() == 'mine'


@pytest.mark.parametrize('name', ['policy.json', 'epoch_1.pth'])
def test_a_run_that_had_started_keeps_everything(tmp_path, name):
    refuse(tmp_path, (tmp_path / name).touch)
    assert files_of(tmp_path) == sorted([*WRITTEN, name])


def test_other_errors_and_other_folders_keep_everything(tmp_path):
    refuse(tmp_path / 'work', error=SearchFailed)
    assert files_of(tmp_path / 'work') == WRITTEN
    refuse(tmp_path / 'more', (tmp_path / 'workshop').mkdir)
    assert (tmp_path / 'workshop').is_dir()


def test_notes_end_with_the_start(tmp_path):
    with nothing_left_on_error(str(tmp_path)):
        pass
    (tmp_path / 'later.txt').write_text('')
    refuse(tmp_path)
    assert files_of(tmp_path) == ['later.txt']
