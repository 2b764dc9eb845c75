"""Types are known by their names, whether a config has texts, classes or functions."""

import pytest
from mmcv.transforms import Resize
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from ddas_mm.config import find_dicts, type_name

NAMES = {
    'text': ('Resize', 'Resize'),
    'scope': ('mmdet.Resize', 'Resize'),
    'module': ('mmdet.datasets.transforms.Resize', 'Resize'),
    'torchvision': ('torchvision/Resize', 'torchvision/Resize'),
    'class': (Resize, 'Resize'),
    'function': (pseudo_collate, 'pseudo_collate'),
}


@pytest.mark.parametrize('kind', NAMES)
def test_name_has_no_scope_or_module(kind):
    value, expected = NAMES[kind]
    assert type_name(dict(type=value)) == expected
    assert type_name(Config(dict(a=dict(type=value))).a, 'Other') == expected


def test_section_without_a_type_has_the_default():
    assert type_name({}) == ''
    assert type_name(dict(x=1), 'OptimWrapper') == 'OptimWrapper'


def test_imported_types_are_known_too(tmp_path):
    path = tmp_path / 'net.py'
    path.write_text(
        'from mmcv.transforms import Resize\n'
        "steps = [dict(type=Resize, x=1), (dict(type='mmdet.Resize', x=2),)]\n"
    )
    config = Config.fromfile(path)
    assert [step.x for step in find_dicts(config._cfg_dict, 'Resize')] == [1, 2]
