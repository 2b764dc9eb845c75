"""Augmentations ranked by a trained checkpoint."""

import json
import re
import sys

import pytest
import torch

from ddas_mm.augment.candidates import build_space
from ddas_mm.derive.ranking import derive_ranking
from tests import toy
from tests.told import lighten, told
from tools.analysis_tools import rank_augmentations

KEPT = ('worth trying', 'not told apart')


@pytest.fixture
def search(tmp_path):
    """A search config's file, and a checkpoint of its network."""
    config = toy.search_config(tmp_path)
    config.custom_imports = dict(imports=['tests.toy'])
    del config.train_dataloader.dataset.pipeline[1]
    config.dump(tmp_path / 'config.py')
    torch.manual_seed(0)
    torch.save(toy.ToyModel().state_dict(), tmp_path / 'net.pth')
    return tmp_path / 'config.py'


def training(folder, **changes):
    """The file of a training config, evaluated on data of its own."""
    config = toy.search_config(folder)
    config.custom_imports = dict(imports=['tests.toy'])
    config.train_cfg = dict(by_epoch=True, max_epochs=1)
    config.custom_hooks = []
    del config.train_dataloader.dataset.pipeline[0]
    config.train_dataloader.batch_size = 1
    config.train_dataloader.dataset.indices = 12
    config.val_dataloader = dict(
        batch_size=2,
        dataset=dict(
            type='ToyDataset', seed=5, size=20, pipeline=[dict(type='ToyPack')]
        ),
    )
    config.val_cfg, config.val_evaluator = dict(), dict(type='DumpResults')
    config.merge_from_dict(changes)
    config.dump(folder / 'training.py')
    return folder / 'training.py', config


def run(monkeypatch, capsys, config, *options):
    lighten(monkeypatch)
    folder = config.parent
    words = ['rank', str(config), str(folder / 'net.pth'), '--num-images', '16']
    monkeypatch.setattr(sys, 'argv', [*words, '--work-dir', str(folder), *options])
    rank_augmentations.main()
    found = json.loads((folder / 'ranking.json').read_text())
    return found, capsys.readouterr().out


def test_ranking_of_a_search_is_printed_written_and_drawn(search, monkeypatch, capsys):
    found, out = run(monkeypatch, capsys, search)
    names = [c['candidate'] for c in found['candidates']]
    assert {name.partition(' ')[0] for name in names} == set(toy.OPS)
    scores = [c['score'] for c in found['candidates']]
    assert scores == sorted(scores, reverse=True)
    lines = out.splitlines()
    assert re.match('loss .* on S_train and .* on S_val', lines[0])
    table, rest = lines[3 : 3 + len(names)], lines[3 + len(names) :]
    assert [line.split('  ')[0].strip() for line in table] == names
    assert rest[:2] == [
        str(search.parent / f'ranking.{end}') for end in ('json', 'png')
    ]
    assert (search.parent / 'ranking.png').is_file()
    assert not list(search.parent.glob('2*'))  # a runner's log


def test_what_may_help_is_emitted_as_a_space(search, monkeypatch, capsys):
    file = search.parent / 'space.py'
    found, out = run(monkeypatch, capsys, search, '--emit-space', str(file))
    kept = {c['candidate'] for c in found['candidates'] if c['verdict'] in KEPT}
    if not kept:
        assert 'no candidate may help' in out
        assert not file.exists()
    else:
        values: dict = {}
        exec(file.read_text(), values)
        assert set(build_space(values['space']).labels) == kept


def test_training_is_ranked_on_what_it_is_evaluated_on(tmp_path, monkeypatch, capsys):
    path, config = training(tmp_path)
    derived = derive_ranking(config, 'cifar')
    val = derived.train_cfg.policy_dataloader.dataset
    assert (val.seed, val.size, val['indices']) == (5, 20, None)
    torch.save(toy.ToyModel().state_dict(), tmp_path / 'net.pth')
    found, printed = run(monkeypatch, capsys, path)  # images of 8 x 8 pixels
    assert len(found['candidates']) == 51
    assert '--space cifar, as the pipeline loads classes on images of' in printed


def test_training_that_cannot_be_ranked_is_told(tmp_path, monkeypatch, capsys):
    path, _ = training(tmp_path, val_dataloader=None)
    monkeypatch.setattr(sys, 'argv', ['rank', str(path), 'net.pth'])
    sentence = told(rank_augmentations.main, capsys, monkeypatch)
    assert 'there is no S_val: ' in sentence


def test_wrong_arguments_of_a_search_are_told(search, monkeypatch, capsys):
    def said(*words):
        arguments = ['rank', str(search), *words, '--work-dir', str(search.parent)]
        monkeypatch.setattr(sys, 'argv', arguments)
        return told(rank_augmentations.main, capsys, monkeypatch)

    net = str(search.parent / 'net.pth')
    assert 'is a search config already' in said(net, '--space', 'coco')
    assert "checkpoint 'none.pth' does not exist" in said('none.pth')
    assert '--num-images must be an integer' in said(net, '--num-images', '1')
    torch.save({'head.bias': torch.zeros(3)}, net)
    own = '--cfg-options', 'experiment_name=another'  # MMEngine keeps one per name
    assert 'does not fit the model of the config' in said(net, *own)
