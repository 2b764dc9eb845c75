"""Wrong files, folders, disks and launchers, as the tools are called."""

import io
import re
import runpy
import sys

import pytest
import torch
from mmengine.config import Config

from ddas_mm.cli.run import run
from tests import toy
from tests.ranks import ROOT
from tests.told import told


def config_file(folder, **changes):
    path = folder / 'config.py'
    toy.search_config(folder / 'work', **changes).dump(path)
    return path


@pytest.fixture
def tool(capsys, monkeypatch):
    """Call a tool that must end by one sentence; gives the sentence."""

    def call(name, *arguments):
        path = str(ROOT / 'tools' / f'{name}.py')
        monkeypatch.setattr(sys, 'argv', [path, *map(str, arguments)])
        return told(
            lambda: runpy.run_path(path, run_name='tool')['main'](),
            capsys,
            monkeypatch,
        )

    return call


CONFIGS = {
    'syntax error': (b'model = dict(\n', 'cannot be read: SyntaxError'),
    'a name that is not known': (b'model = mdoel\n', "NameError.*'mdoel'"),
    'an error of its own': (b'x = 1 / 0\n', 'ZeroDivisionError'),
    'missing base': (b"_base_ = ['no_base.py']\n", r'no_base\.py'),
    'pickle': (b'\x80\x04\x95\x0b\x00\x00\x00', "config.py' cannot be read"),
    'picture': (b'\x89PNG\r\n\x1a\n\x00\xff', "config.py' cannot be read"),
    'zeros': (b'\x00' * 50, "config.py' cannot be read"),
    'nothing': (b'', 'config.py.*is no search config: train_cfg.type is None'),
    'a training': (b"train_cfg = dict(type='EpochBasedTrainLoop')", '--space'),
}


@pytest.mark.parametrize('name', CONFIGS)
def test_config_that_cannot_be_read_is_named(tmp_path, tool, name):
    content, message = CONFIGS[name]
    path = tmp_path / 'config.py'
    path.write_bytes(content)
    sentence = tool('search', path)
    assert re.search(message, sentence), sentence


@pytest.mark.parametrize('name', ['search', 'train'])
def test_config_that_is_missing_a_folder_or_no_config(tmp_path, tool, name):
    assert f"{tmp_path / 'no.py'}' does not exist" in tool(name, tmp_path / 'no.py')
    assert f"{tmp_path}' is a folder" in tool(name, tmp_path)
    text = tmp_path / 'config.txt'
    text.write_text('model = dict()')
    assert f"{text}' cannot be read" in tool(name, text)


def test_data_root_of_a_config_without_one(tmp_path, tool):
    sentence = tool('search', config_file(tmp_path), '--data-root', '/data')
    assert "--data-root '/data' has no effect" in sentence


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A checkpoint of a search, and one of a training."""
    folder = tmp_path_factory.mktemp('trained')
    run(toy.search_config(folder / 'search', **{'train_cfg.max_epochs': 1}))
    config = toy.search_config(folder / 'train')
    config.train_cfg = dict(by_epoch=True, max_epochs=1)
    config.custom_hooks = []
    del config.train_dataloader.dataset.pipeline[0]
    run(config)
    return folder


CHECKPOINTS = {
    'missing': (None, r"checkpoint '.*wrong\.pth' does not exist"),
    'empty': (b'', r"'.*wrong\.pth' is damaged or no checkpoint"),
    'text': (b'no checkpoint', r"'.*wrong\.pth' is damaged or no checkpoint"),
    'half': ('half', r"'.*wrong\.pth' is damaged or no checkpoint"),
    'training': ('train', r'wrong\.pth is no checkpoint of a search'),
    'other L': ('search', r'wrong\.pth was searched with another .*num_policies'),
}


@pytest.mark.parametrize('name', CHECKPOINTS)
def test_resume_from_a_wrong_checkpoint(tmp_path, tool, trained, name):
    content, message = CHECKPOINTS[name]
    path = tmp_path / 'wrong.pth'
    whole = (trained / 'search/epoch_1.pth').read_bytes()
    if content == 'half':
        content = whole[: len(whole) // 2]
    elif isinstance(content, str):
        content = (trained / content / 'epoch_1.pth').read_bytes()
    if content is not None:
        path.write_bytes(content)
    config = config_file(tmp_path, **{'train_cfg.num_policies': 2})
    sentence = tool('search', config, '--resume', path)
    assert re.search(message, sentence), sentence
    assert not (tmp_path / 'work/policy.json').exists()


def test_wrong_checkpoint_or_output_of_a_test(tmp_path, tool):
    config = config_file(tmp_path)
    missing = tool('test', config, tmp_path / 'no.pth')
    assert "no.pth' does not exist" in missing


POLICIES = {
    'missing': (None, r"policy file '.*policy\.json' cannot be read"),
    'pickle': (b'\x80\x04\x95\xff', r"policy file '.*policy\.json' is not a text"),
    'half': (b'{"format": "ddas-policy", ', r"policy\.json' is not valid JSON"),
    'list': (b'[]', r'policy\.json: a policy must be a dict'),
    'NaN': (
        b'{"table": "classification", "candidates": [["Invert", null]], "depth": 1,'
        b' "total_prob": [NaN], "op_probs": [[1.0]]}',
        r'policy\.json: total_prob\[0\] .*nan',
    ),
    'op': (
        b'{"table": "classification", "candidates": [["Invrt", null]], "depth": 1,'
        b' "total_prob": [0.5], "op_probs": [[1.0]]}',
        r"policy\.json' cannot be applied: .*'Invrt'",
    ),
}


@pytest.mark.parametrize('name', POLICIES)
def test_training_with_a_wrong_policy(tmp_path, tool, name):
    content, message = POLICIES[name]
    path = tmp_path / 'policy.json'
    if content is not None:
        path.write_bytes(content)
    config = Config.fromfile(config_file(tmp_path))
    config.train_cfg = dict(by_epoch=True, max_epochs=1)
    config.train_dataloader.dataset.pipeline[0].policy = str(path)
    config.dump(tmp_path / 'train.py')
    sentence = tool('train', tmp_path / 'train.py')
    assert re.search(message, sentence), sentence


LAUNCHERS = {
    'pytorch': ('RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT', 'torchrun'),
    'slurm': ('SLURM_PROCID, SLURM_NTASKS, SLURM_NODELIST', 'srun'),
    'mpi': ('OMPI_COMM_WORLD_RANK, OMPI_COMM_WORLD_SIZE, MASTER_ADDR', 'mpirun'),
}


@pytest.mark.parametrize('launcher', LAUNCHERS)
def test_launcher_without_its_variables(tmp_path, tool, monkeypatch, launcher):
    missing, starter = LAUNCHERS[launcher]
    for variable in missing.split(', '):
        monkeypatch.delenv(variable, raising=False)
    sentence = tool('search', config_file(tmp_path), '--launcher', launcher)
    assert f'--launcher {launcher} needs {missing}' in sentence
    assert starter in sentence


@pytest.mark.parametrize('name', ['search', 'train'])
def test_work_dir_below_a_file(tmp_path, tool, name):
    file = tmp_path / 'file'
    file.write_text('kept')
    config = config_file(tmp_path)
    sentence = tool(name, config, '--work-dir', file / 'work')
    assert f"work_dir '{file}/work' cannot be written to: Not a directory" in sentence
    assert file.read_text() == 'kept'


NO_POLICY = {
    'missing': (None, 'does not exist'),
    'syntax error': (b'policy = dict(\n', 'cannot be read: SyntaxError'),
    'nothing': (b'', 'holds no policy'),
    'a list': (b'ddas_policy = [1]\n', 'a policy must be a dict, but is \\[1\\]'),
    'a number': (b'ddas_policy = 5\n', 'a policy must be a dict, but is 5'),
    'no row': (b"ddas_policy = dict(table='detection')\n", 'config.py'),
    'a file': (b"ddas_policy = 'no.json'\n", "'no.json' cannot be read"),
    'a loader that is none': (b"train_dataloader = 'x'\n", 'holds no policy'),
}


@pytest.mark.parametrize('name', NO_POLICY)
def test_printing_what_is_no_policy(tmp_path, tool, name):
    content, message = NO_POLICY[name]
    if content is not None:
        (tmp_path / 'config.py').write_bytes(content)
    sentence = tool('analysis_tools/print_policy', tmp_path / 'config.py')
    assert re.search(message, sentence), sentence


def toy_weights():
    """A checkpoint of the toy network, as its file holds it."""
    file = io.BytesIO()
    torch.save(toy.ToyModel().state_dict(), file)
    return file.getvalue()


NO_DETECTORS = {
    'missing': (None, b'', r'config\.py.* does not exist'),
    'syntax error': (b'model = (\n', b'', 'cannot be read: SyntaxError'),
    'nothing': (b'', b'', 'needs model and test_dataloader'),
    'no checkpoint': ('toy', None, r'checkpoint .*x\.pth.* does not exist'),
    'half a test': ('half', b'', 'test_cfg and test_evaluator must be set'),
    'no boxes': ('toy', toy_weights(), 'tests on data without boxes'),
}


@pytest.mark.parametrize('name', NO_DETECTORS)
def test_comparing_what_are_no_detectors(tmp_path, tool, name):
    content, weights, message = NO_DETECTORS[name]
    path, checkpoint = tmp_path / 'config.py', tmp_path / 'x.pth'
    if content in ('toy', 'half'):
        config = toy.search_config(tmp_path / 'work')
        dataset = dict(type='ToyDataset')
        config.test_dataloader = dict(batch_size=1, num_workers=0, dataset=dataset)
        config.test_dataloader.sampler = dict(type='DefaultSampler')
        if content == 'toy':
            config.test_cfg = {}
            config.test_evaluator = dict(type='DumpResults', out_file_path='x.pkl')
        config.dump(path)
    elif content is not None:
        path.write_bytes(content)
    if weights is not None:
        checkpoint.write_bytes(weights)
    out = tmp_path / 'out.png'
    arguments = ('--run', 'a', path, checkpoint, '--out', out)
    sentence = tool('analysis_tools/compare_detectors', *arguments)
    assert re.search(message, sentence), sentence
    assert not out.exists()


def test_report_of_what_is_no_search(tmp_path, tool):
    (tmp_path / 'config.py').write_text('x = 1')
    for given in (tmp_path / 'no', tmp_path, tmp_path / 'config.py'):
        sentence = tool('analysis_tools/report', given)
        assert re.search(r"'.*policy\.json' cannot be read", sentence), sentence
        assert str(given) in sentence
