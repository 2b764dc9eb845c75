"""Settings of all tests."""

import os

# Test networks are tiny: a second thread costs more than it brings.
os.environ.setdefault('OMP_NUM_THREADS', '1')
