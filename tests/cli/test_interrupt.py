"""Ctrl-C and SIGTERM, sent to real processes that do what tools do."""

import os
import signal
import subprocess
import sys

import pytest

from ddas_mm.cli.stop import stoppable
from tests.ranks import ROOT

BEGIN = """
import multiprocessing, os, signal, sys, time
from ddas_mm.cli import stop as interrupt
sys.argv = ['tool.py']
def ready():
    print('ready', flush=True)
"""
PROGRAMS = {
    'at work': """
with interrupt.stoppable(lambda: 'go on'):
    ready()
    time.sleep(60)
""",
    'in a library that takes it for its own error': """
with interrupt.stoppable(lambda: 'go on'):
    try:
        ready()
        time.sleep(60)
    except:
        raise ValueError('cannot sleep')
""",
    'with workers': """
def work():
    ready()
    time.sleep(60)
with interrupt.stoppable(lambda: 'go on'):
    child = multiprocessing.get_context('fork').Process(target=work, daemon=True)
    child.start()
    child.join()
    time.sleep(60)
""",
}


@pytest.fixture
def start():
    """Start a program in a process group of its own; it has printed 'ready'."""
    processes = []

    def run(code, **variables):
        process = subprocess.Popen(
            [sys.executable, '-c', BEGIN + code],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=variables or None,
        )
        processes.append(process)
        assert process.stdout.readline() == 'ready\n'
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize('name', PROGRAMS)
def test_ends_with_its_last_words_and_no_traceback(start, name):
    process = start(PROGRAMS[name])
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == 'tool.py: stopped by Ctrl-C\ngo on\n'
    assert out == ''


def test_sigterm_ends_it_with_its_own_status(start):
    process = start(PROGRAMS['at work'])
    process.terminate()
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (143, 'tool.py: stopped by SIGTERM\ngo on\n')


def test_other_processes_of_a_run_say_nothing(start):
    process = start(PROGRAMS['at work'], RANK='1')
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, '')


STUBBORN = """
interrupt.ECHO = 0
with interrupt.stoppable():
    try:
        ready()
        time.sleep(60)
    finally:
        ready()
        time.sleep(60)
"""


def test_second_signal_ends_it_at_once(start):
    process = start(STUBBORN)
    os.killpg(process.pid, signal.SIGINT)
    assert process.stdout.readline() == 'ready\n'
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, '')


def test_second_signal_leaves_it_its_last_words(start):
    process = start(
        """
interrupt.ECHO = 0
def last_words():
    ready()
    time.sleep(0.5)
    return 'go on'
with interrupt.stoppable(last_words):
    ready()
    time.sleep(60)
"""
    )
    os.killpg(process.pid, signal.SIGINT)
    assert process.stdout.readline() == 'ready\n'
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, 'tool.py: stopped by Ctrl-C\ngo on\n')


def test_launchers_echo_is_no_second_signal(start):
    process = start(STUBBORN.replace('ECHO = 0', 'ECHO = 60'))
    os.killpg(process.pid, signal.SIGINT)
    assert process.stdout.readline() == 'ready\n'
    os.killpg(process.pid, signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=0.3)


def test_ignored_signal_stays_ignored(start):
    """A shell script's background jobs ignore Ctrl-C, which is the script's."""
    process = start(
        'signal.signal(signal.SIGINT, signal.SIG_IGN)\n'
        'with interrupt.stoppable():\n'
        '    ready()\n'
        '    os.kill(os.getpid(), signal.SIGINT)\n'
        '    print("went on", file=sys.stderr)\n'
    )
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, 'went on\n')


def test_handlers_are_given_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with stoppable():
        assert signal.getsignal(signal.SIGINT) not in before
    after = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert after == before
