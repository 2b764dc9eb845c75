"""Settings of all tests."""

import gc
import os
import runpy
import signal
import sys
from pathlib import Path

import pytest
from mmengine.registry import DefaultScope
from yapf.yapflib import yapf_api

# Test networks are tiny: a second thread costs more than it brings.
os.environ.setdefault('OMP_NUM_THREADS', '1')
# In a script's background SIGINT is ignored, and so it would be in the processes that
# tests start and stop.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Tests are collected by config: what an installation would write has to be there.
GENERATE = Path(__file__).parents[1] / 'configs/_base_/generate.py'
runpy.run_path(str(GENERATE), run_name='__main__')


def pytest_collection_finish():
    """Leave what has been imported out of every later garbage collection.

    Each data set of MMEngine collects, and each worker when it ends.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def unformatted(monkeypatch):
    """Write configs as they are: MMEngine formats a run's five times, with yapf."""
    monkeypatch.setattr(yapf_api, 'FormatCode', lambda text, **_: (f'{text}\n', True))


@pytest.fixture(autouse=True)
def older_scopes_forgotten():
    """Leave MMEngine the newest run's default scope alone.

    It keeps one of every run of a process, and copies them all whenever something is
    built in a scope: after hundreds of runs that takes longer than what is built.
    """
    yield
    for name in list(DefaultScope._instance_dict)[:-1]:
        del DefaultScope._instance_dict[name]


@pytest.fixture(autouse=True)
def undrawn(request, monkeypatch):
    """Leave out plots and report at the end of a search, which take longer than it.

    Tests that look at them are marked as ``drawn``; fixtures of modules are drawn.
    """
    hook = sys.modules.get('ddas_mm.hook')
    if hook is not None and request.node.get_closest_marker('drawn') is None:
        for name in ('plot_policy', 'report_search'):
            monkeypatch.setattr(hook, name, lambda *_: [])


@pytest.fixture(scope='session')
def wheel(tmp_path_factory):
    """Our wheel in an environment of its own; see tests/wheel.py."""
    from tests.wheel import install_wheel

    return install_wheel(tmp_path_factory.mktemp('wheel'))
