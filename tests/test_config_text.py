"""A config's text reads back as the config, whatever its user has put into it."""

import math
from http import HTTPStatus
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config

from ddas_mm.config import config_text
from ddas_mm.errors import SettingError


def read_back(config):
    return Config.fromstring(config_text(config), '.py')


# What is put in, and what is read again.
VALUES = {
    'infinity': (math.inf, math.inf),
    'minus infinity': ([1.0, -math.inf], [1.0, -math.inf]),
    'numpy number': (np.float64(0.1), 0.1),
    'numpy infinity': (np.float32('inf'), math.inf),
    'numpy bool': (np.bool_(True), True),
    'array': (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
    'path': (Path('some/place'), 'some/place'),
    'range': (range(3, 8), range(3, 8)),
    'set': ({'a', 1, math.inf}, {'a', 1, math.inf}),
    'frozen set': (frozenset({2}), frozenset({2})),
    'nothing': ([(), [], {}, set(), None, ...], [(), [], {}, set(), None, ...]),
    'bytes': (b'a\x00', b'a\x00'),
    'complex': (1 + 2j, 1 + 2j),
    'one element': ((1,), (1,)),
    'tuple in list': ([(1, 2), [(3,)]], [(1, 2), [(3,)]]),
    'quotes': ('it\'s 100 % "sure"\n\\n é', 'it\'s 100 % "sure"\n\\n é'),
    'templates': (
        ['{{ fileDirname }}', '{{$HOME:x}}', '{{_base_.x}}', '{{{{}}'],
        ['{{ fileDirname }}', '{{$HOME:x}}', '{{_base_.x}}', '{{{{}}'],
    ),
    'odd keys': (
        {1: 'a', None: 3, (1, 2): 4, 'class': 5, "it's": 6, '{{ fileDirname }}': 7},
        {1: 'a', None: 3, (1, 2): 4, 'class': 5, "it's": 6, '{{ fileDirname }}': 7},
    ),
    'dtype': (torch.float16, torch.float16),
    'enum': (HTTPStatus.OK, HTTPStatus.OK),
    'function': ({'f': math.sqrt, 'g': sorted}, {'f': math.sqrt, 'g': sorted}),
    'keyword': ({'lambda': 1}, {'lambda': 1}),
    'dicts in a list': ([{'a b': (math.inf,)}], [{'a b': (math.inf,)}]),
}


@pytest.mark.parametrize('name', VALUES)
def test_value_reads_back(name):
    value, expected = VALUES[name]
    for config in (Config(dict(model=dict(x=value))), Config(dict(x=value))):
        found = read_back(config)
        assert (found.model.x if 'model' in found else found.x) == expected


def test_nan_reads_back():
    note = read_back(Config(dict(note=[1.0, math.nan]))).note
    assert note[0] == 1.0
    assert math.isnan(note[1])


def local():
    """A function of a test: what another process can import."""


UNWRITABLE = {
    'lambda': lambda x: x,
    'object': object(),
    'tensor': torch.zeros(2),
    'device': torch.device('cpu'),
    'compiled': math,
}


@pytest.mark.parametrize('name', UNWRITABLE)
def test_what_cannot_be_written_is_refused_by_its_place_and_value(name):
    value = UNWRITABLE[name]
    config = Config(dict(model=dict(steps=[dict(a=1), dict(x=value)])))
    with pytest.raises(SettingError) as error:
        config_text(config)
    assert str(error.value).startswith('model.steps.1.x of ')
    assert repr(value) in str(error.value)


def test_name_that_no_variable_can_have_is_refused():
    with pytest.raises(SettingError, match='cannot be written to a file'):
        config_text(Config({'two words': 1}))


PURE_PYTHON = """
from mmengine.config import read_base
with read_base():
    from .base import *
import numpy as np
import torch
import torch.nn as nn
from mmengine.dataset import DefaultSampler, pseudo_collate
from mmcv.transforms import Resize
from mmdet.datasets.transforms import Resize as Other
from mmdet.models.losses.accuracy import Accuracy
def helper():
    return 3
size = (helper(), np.pi)
steps = [dict(type=Resize, scale=size), dict(type=Other, resize_type=Resize)]
loader.update(sampler=dict(type=DefaultSampler), collate_fn=dict(type=pseudo_collate))
model = dict(act=nn.GELU, dtype=torch.float16, accuracy=dict(type=Accuracy))
"""


def test_pure_python_config_reads_back_as_the_same_objects(tmp_path):
    (tmp_path / 'base.py').write_text(
        'from mmdet.datasets import CocoDataset\n'
        'dataset_type = CocoDataset\n'
        'loader = dict(dataset=dict(type=dataset_type, max=float("inf")))\n'
    )
    (tmp_path / 'net.py').write_text(PURE_PYTHON)
    config = Config.fromfile(tmp_path / 'net.py')
    config = Config.fromstring(config_text(config), '.py')
    again = read_back(config)
    for found in (config, again):
        from mmcv.transforms import Resize
        from mmdet.datasets import CocoDataset
        from mmdet.datasets.transforms import Resize as Other
        from mmdet.models.losses.accuracy import Accuracy
        from mmengine.dataset import DefaultSampler, pseudo_collate

        assert [step.type for step in found.steps] == [Resize, Other]
        assert found.steps[1].resize_type is Resize
        assert found.steps[0].scale == (3, math.pi)
        assert found.loader.dataset == dict(type=CocoDataset, max=math.inf)
        assert found.loader.sampler.type is DefaultSampler
        assert found.loader.collate_fn.type is pseudo_collate
        assert found.model.act is torch.nn.GELU
        assert found.model.dtype is torch.float16
        assert found.model.accuracy.type is Accuracy


def test_class_that_stands_in_a_config_already_is_imported():
    config = read_back(Config(dict(model=dict(type=torch.nn.Linear))))
    assert config.model.type is torch.nn.Linear


def test_what_a_config_file_defines_for_itself_is_no_setting(tmp_path):
    path = tmp_path / 'net.py'
    path.write_text('import math\nclass Mine: pass\nx = 1\nhelp = lambda: math.pi\n')
    assert dict(read_back(Config.fromfile(path))) == dict(x=1)
