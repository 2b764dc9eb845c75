"""What README and docs print as code works as it is printed."""

import re
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import OPTIMIZERS

from ddas_mm.augment.candidates import CandidateOps, build_space
from ddas_mm.cli.run import run
from ddas_mm.config import find_dicts, read_config
from ddas_mm.ops.tables import TABLES
from ddas_mm.policy import policy_from_dict, read_policy
from ddas_mm.search.update import RULES
from tests import toy
from tests.search.test_optimizers import assert_alignment_is_exact, build_loop
from tests.told import lighten

ROOT = Path(__file__).parents[2]


def printed(page, start):
    """Return the one block of Python on a page that begins so."""
    blocks = re.findall(
        r'^```python\n(.*?)^```', (ROOT / page).read_text(), re.M | re.S
    )
    (found,) = (block for block in blocks if block.startswith(start))
    return found


@pytest.fixture
def my_ops(tmp_path, monkeypatch):
    """The module of the page on extending, where Python finds it."""
    (tmp_path / 'my_ops.py').write_text(printed('docs/extending.md', '# my_ops.py'))
    monkeypatch.syspath_prepend(tmp_path)
    yield
    TABLES['detection'].pop('LensBlur', None)


def test_an_operation_of_ones_own_is_searched_with(tmp_path, monkeypatch, my_ops):
    config = toy.search_config(tmp_path / 'work', **{'train_cfg.max_epochs': 1})
    names = ['Identity', 'LensBlur']
    config.train_cfg.space = dict(table='detection', ops=names, levels=[2, 6], depth=1)
    path = tmp_path / 'config.py'
    config.dump(path)
    imports = printed('docs/extending.md', 'custom_imports')
    path.write_text(path.read_text() + imports)
    lighten(monkeypatch)
    run(read_config(path))
    space = read_policy(tmp_path / 'work/policy.json').space
    assert space.labels == ['Identity', 'LensBlur 2', 'LensBlur 6']
    image = np.zeros((33, 33, 3), np.uint8)
    image[16, 16] = 255
    rng = np.random.default_rng(0)
    blurred = CandidateOps(space).apply({'img': image}, [2], rng)['img']
    # the middle of a Gaussian of sigma 2.4 pixels, its level 6 of 4 pixels at 10
    middle = 255 / (2 * np.pi * 2.4**2)
    assert abs(int(blurred[16, 16, 0]) - middle) < 1


def test_an_optimiser_of_ones_own_is_followed(tmp_path):
    exec(printed('docs/extending.md', '# my_optimizers.py'), names := {})
    try:
        settings = dict(type='TanhSGD', lr=0.1, width=0.05)
        assert_alignment_is_exact(build_loop(tmp_path, optimizer=settings))
    finally:
        OPTIMIZERS.module_dict.pop('TanhSGD')
        RULES.pop(names['TanhSGD'])


def test_the_space_of_the_page_on_extending():
    names = {}
    exec(printed('docs/extending.md', 'space = dict'), names)
    space = build_space(names['space'])
    # two operations that take no level, and two with three levels each
    assert len(space) == 2 + 2 * 3
    assert space.constants['translate_const'] == 60


@pytest.fixture
def training(tmp_path):
    path = tmp_path / 'my_training_config.py'
    base = ROOT / 'configs/baselines/retinanet_r18_digits.py'
    path.write_text(f'_base_ = [{str(base)!r}]\n')
    return path


def test_the_search_config_of_the_readme(tmp_path, training):
    path = tmp_path / 'my_search_config.py'
    path.write_text(printed('README.md', "_base_ = ['my_training_config.py']"))
    config = Config.fromfile(path)
    assert config.train_cfg.type == 'ddas_mm.DDASLoop'
    assert len(list(find_dicts(config.train_dataloader, 'DDASAugment'))) == 1
    assert config.model == Config.fromfile(training).model
    assert len(build_space(config.train_cfg.space)) == 59  # as the README says
    # S_val from another camera, as the page on one's own detector adds it
    other = tmp_path / 'other.py'
    more = printed('docs/search_your_detector.md', 'train_cfg = dict(')
    other.write_text(f'_base_ = [{str(path)!r}]\n{more}')
    merged = Config.fromfile(other).train_cfg
    assert merged.space == config.train_cfg.space
    assert merged.policy_dataloader.dataset.data_prefix.img == 'new_camera/'


def test_the_training_with_a_policy_of_the_readme(tmp_path):
    policy = ROOT / 'examples/downstream/configs/ddas_policy.py'
    text = printed('README.md', "_base_ = ['mmdet::retinanet")
    path = tmp_path / 'config.py'
    path.write_text(text.replace("'.../ddas_policy.py'", repr(str(policy))))
    config = Config.fromfile(path)
    (augment,) = find_dicts(config.train_dataloader, 'DDASAugment')
    expected = policy_from_dict(Config.fromfile(policy).ddas_policy.to_dict())
    found = policy_from_dict(augment.policy.to_dict())
    assert np.array_equal(found.op_probs, expected.op_probs)
    assert config.custom_hooks[-1].type == 'ddas_mm.DDASHook'
