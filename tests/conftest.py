"""Settings of all tests."""

import os
import signal

import pytest

# Test networks are tiny: a second thread costs more than it brings.
os.environ.setdefault('OMP_NUM_THREADS', '1')
# In a script's background SIGINT is ignored, and so it would be in the processes that
# tests start and stop.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope='session')
def wheel(tmp_path_factory):
    """Our wheel in an environment of its own; see tests/wheel.py."""
    from tests.wheel import install_wheel

    return install_wheel(tmp_path_factory.mktemp('wheel'))
