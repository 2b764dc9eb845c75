"""Searches that are stopped by real signals, and go on by what they print."""

import glob
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.test_dist_scripts import environment
from tests.killable import EPOCHS, STEPS, write_config
from tests.ranks import ROOT, Group, run_ranks, run_tool

IN_EPOCH_3 = 2 * STEPS + 2


@pytest.fixture
def start(tmp_path):
    """Start a command in a session of its own; it has come to its pause."""
    started = []

    def run(*words, pause, **variables):
        log = tmp_path / 'log'
        with log.open('w') as file:
            process = subprocess.Popen(
                list(map(str, words)),
                cwd=ROOT,
                stdout=file,
                stderr=file,
                start_new_session=True,
                env=environment(PAUSE=json.dumps(pause), **variables),
            )
        started.append(process)
        wait_for_pause(log, lambda: process.poll() is None)
        return process, log

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for_pause(logs, is_running):
    """Wait until one of the logs tells of the pause."""
    end = time.monotonic() + 240
    while True:
        said = [Path(path).read_text() for path in glob.glob(str(logs))]
        if any('paused\n' in text for text in said):
            return
        assert is_running(), said
        assert time.monotonic() < end, said
        time.sleep(0.05)


def left_of(config):
    """Command lines of running processes that name a config."""
    lines = []
    for path in glob.glob('/proc/[0-9]*/cmdline'):
        try:
            lines.append(Path(path).read_bytes().replace(b'\0', b' ').decode())
        except OSError:  # it has ended meanwhile
            continue
    return [line for line in lines if config in line]


def ends(process, log):
    """Wait for the process to end; return its status and what it said last."""
    status = process.wait(60)
    text = log.read_text()
    assert 'Traceback' not in text
    return status, text.partition('paused\n')[2]


def rows(config):
    path = Path(config).parent / 'work/policy.json'
    return len(json.loads(path.read_text())['total_prob'])


def test_stopped_search_goes_on_by_the_command_that_it_prints(tmp_path, start):
    config = write_config(tmp_path / 'a run', workers=2)
    command = [sys.executable, 'tools/search.py', config, '--resume']
    process, log = start(*command, '--seed', '3', pause=[IN_EPOCH_3, 0])
    os.killpg(process.pid, signal.SIGINT)  # its workers, too, as a terminal does
    status, said = ends(process, log)
    assert status == 130
    lines = said.splitlines()
    assert lines[0] == 'search.py: stopped by Ctrl-C'
    assert lines[1].endswith(f'policy.json holds the policy of 2 of {EPOCHS} epochs')
    assert lines[2].startswith('epoch_2.pth')
    assert lines[3].count('--resume') == 1
    assert len(lines) == 4
    assert rows(config) == 2
    assert not left_of(config)
    python, tool, *arguments = shlex.split(lines[3])
    assert (python, tool) == (sys.executable, 'tools/search.py')
    assert run_ranks(1, run_tool, 'search', *arguments) == [0]
    assert rows(config) == EPOCHS


@pytest.mark.dist
def test_stopped_ranks_leave_no_process_and_print_the_scripts_command(tmp_path, start):
    """One rank stands in its own code, the other waits for it in a reduction."""
    config = write_config(tmp_path / 'run', ranks=2)
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        port = str(server.getsockname()[1])
    process, log = start(
        *('bash', 'tools/dist_search.sh', config, '2', '--cfg-options', 'note=a b'),
        pause=[IN_EPOCH_3, 1],
        PORT=port,
    )
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) != 0
    said = log.read_text().partition('paused\n')[2]
    assert said.count('stopped by') == 1
    assert (
        f"bash tools/dist_search.sh {config} 2 --cfg-options 'note=a b' --resume\n"
        in said
    )
    assert not left_of(config)


def paused(pause, log, tool, *arguments):
    """Run a tool that pauses in this process, with its output in a file."""
    os.environ.update(PAUSE=json.dumps(pause), PYTHONPATH=str(ROOT))
    with open(log, 'w') as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    return run_tool(tool, *arguments)


def test_tool_of_several_runs_ends_the_one_that_runs(tmp_path):
    config = write_config(tmp_path / 'run')
    work, log = tmp_path / 'checks', tmp_path / 'log'
    words = ('--planted', 'Invert', '--work-dir', str(work), '--seeds', '3')
    tool = 'analysis_tools/sanity_check'
    group = Group(1, paused, [IN_EPOCH_3, 0], str(log), tool, config, *words)
    (process,) = group.processes
    wait_for_pause(work / '*/*/search.log', process.is_alive)
    os.killpg(process.pid, signal.SIGINT)
    process.join(60)
    said = log.read_text()
    assert process.exitcode == 130, said
    assert 'Traceback' not in said
    assert 'the same command goes on' in said
    assert not left_of(config)
    assert len(list(work.glob('*/*/epoch_2.pth'))) == 1
