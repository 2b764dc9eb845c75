"""Golden data and generators that replay it.

``golden.tar.xz`` beside this file is a part of it that brings every operation: the
references' outputs on drawn images of 32 x 32 and 64 x 96 pixels. The whole of it is
used where it lies in ``../shared``.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

# The same examples in every run, and no deadline: the machine may be busy.
settings.register_profile('ops', derandomize=True, deadline=None, print_blob=True)
settings.load_profile('ops')

_REPOSITORY = Path(__file__).resolve().parents[2]
_SHARED = Path(os.environ.get('DDAS_SHARED', _REPOSITORY.parent / 'shared'))
_WHOLE, _PART = _SHARED / 'golden', Path(__file__).with_name('golden.tar.xz')


class ScriptedRng:
    """Replays draws in order and refuses any other request."""

    def __init__(self, draws=()):
        self.draws = list(draws)

    def random(self):
        kind, value = self.draws.pop(0)
        assert kind == 'float01', f'random() instead of {kind}'
        return value

    def integers(self, low, high):
        kind, value = self.draws.pop(0)
        assert kind == 'int', f'integers() instead of {kind}'
        assert value[:2] == (low, high)
        return value[2]

    def permutation(self, n):
        kind, value = self.draws.pop(0)
        assert kind == 'shuffle', f'permutation() instead of {kind}'
        assert len(value) == n
        return np.array(value)


@pytest.fixture
def scripted():
    return ScriptedRng


@pytest.fixture(params=[0.9, 0.1], ids=['positive', 'negative'])
def sign_draw(request):
    return request.param


@pytest.fixture(scope='session')
def golden_arrays():
    return {
        table: np.load(io.BytesIO(_read(f'{table}_ops.npz')))
        for table in ('classification', 'detection')
    }


@pytest.fixture(scope='session')
def golden_json():
    return _load


@cache
def _read(name):
    if _WHOLE.is_dir():
        return (_WHOLE / name).read_bytes()
    with tarfile.open(_PART) as archive:
        return archive.extractfile(name).read()


def _load(name):
    return json.loads(_read(f'{name}.json'))


def _cases(table):
    content = _load(f'{table}_ops')
    constants = content.get('hparams')
    return [
        pytest.param({**case, 'all_hparams': constants}, id=case['id'])
        for case in content['cases']
    ]


def pytest_generate_tests(metafunc):
    for table in ('classification', 'detection'):
        if f'{table}_case' in metafunc.fixturenames:
            metafunc.parametrize(f'{table}_case', _cases(table))


@pytest.fixture(scope='session')
def photo():
    """Make smooth structure with saturated and flat parts, as photographs have."""

    def make(height, width, seed=0):
        rng = np.random.default_rng([seed, height, width])
        y, x = np.mgrid[:height, :width]
        waves = [
            128 + 140 * np.sin(x / rng.uniform(3, 40) + y / rng.uniform(3, 40) + phase)
            for phase in rng.uniform(0, 6, 3)
        ]
        noise = rng.normal(0, 12, (height, width, 3))
        return np.clip(np.stack(waves, axis=-1) + noise, 0, 255).astype(np.uint8)

    return make
