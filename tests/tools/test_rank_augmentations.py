"""Augmentations ranked by a trained checkpoint."""

import json
import re
import sys

import pytest
import torch
from mmengine.registry import TRANSFORMS
from mmengine.runner import Runner

from ddas_mm.augment.candidates import build_space
from ddas_mm.cli import finetuning
from ddas_mm.derive.ranking import derive_ranking
from ddas_mm.ops import SPACES
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
    config = toy.training_config(folder, **changes)
    config.custom_imports = dict(imports=['tests.toy'])
    config.train_dataloader.batch_size = 1
    config.train_dataloader.dataset.indices = 12
    config.dump(folder / 'training.py')
    torch.manual_seed(0)
    torch.save(toy.ToyClassifier().state_dict(), folder / 'net.pth')
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
    assert '--num-images must be at least 2, but is 1' in said(net, '--num-images', '1')
    weights = toy.ToyModel().state_dict()
    for changes, expected in (
        (dict(more=torch.zeros(1)), 'unexpected key in source state_dict: more'),
        ({'head.bias': torch.zeros(7)}, r'head.bias: copying a param .*\[7\]'),
        ({'head.bias': None}, 'missing keys in source state_dict: head.bias'),
    ):
        kept = {k: v for k, v in {**weights, **changes}.items() if v is not None}
        torch.save({'state_dict': kept}, net)
        assert re.search(f'does not fit the model .*{expected}', said(net))
    wrapped = {f'module.{name}': value for name, value in weights.items()}
    torch.save({'state_dict': wrapped}, net)
    run(monkeypatch, capsys, search)


# --finetune

METRIC = 'accuracy/top1'
FEW = 'train_cfg.max_epochs=2', 'train_dataloader.batch_size=4'


OPS = 'Identity', 'Invert', 'Rotate', 'Cutout'


def finetune(monkeypatch, capsys, config, *options, checkpoint='net.pth', **changes):
    """Run it, with 4 of the 18 operations; return its record and what is printed."""
    lighten(monkeypatch)
    space = SPACES['cifar'] | dict(ops=OPS) | changes
    monkeypatch.setitem(SPACES, 'cifar', space)
    folder = config.parent
    words = ['rank', str(config), str(folder / checkpoint), '--finetune']
    words += ['--work-dir', str(folder / 'ranked'), *options]
    monkeypatch.setattr(sys, 'argv', [*words, '--cfg-options', *FEW])
    rank_augmentations.main()
    path = folder / 'ranked/finetuning.json'
    return json.loads(path.read_text()), capsys.readouterr().out


def test_operations_are_ranked_by_the_metric(tmp_path, monkeypatch, capsys):
    path, _ = training(tmp_path)
    load, read = toy.ToyDataset.load_data_list, []
    monkeypatch.setattr(
        toy.ToyDataset, 'load_data_list', lambda self: read.append(1) or load(self)
    )
    found, out = finetune(monkeypatch, capsys, path, '--steps', '4')
    assert len(read) == 3  # to choose the space, to train on, S_val
    gains = [gain['effect'] for gain in found['gains']]
    assert gains == sorted(gains, reverse=True)
    assert {g['candidate'] for g in found['gains']} == {'Invert', 'Rotate', 'Cutout'}
    for gain in found['gains']:
        values = [run[METRIC] for run in found['runs'][gain['candidate']]]
        none = [run[METRIC] for run in found['runs']['none']]
        assert gain['values'] == values
        assert gain['effect'] == pytest.approx((sum(values) - sum(none)) / 2)
    assert '3 operations and none, 2 times 4 steps each: 5.3 times' in out
    assert f'{METRIC} on S_val: {found["before"][METRIC]:.3f} before' in out
    lines = out.splitlines()
    files = [str(tmp_path / f'ranked/finetuning.{end}') for end in ('json', 'png')]
    assert lines[-2:] == files
    assert [*map(str, sorted((tmp_path / 'ranked').iterdir()))] == files


def test_length_fits_the_training_unless_it_is_short(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(finetuning, 'FEWEST', 1)
    path, _ = training(tmp_path)
    found, _ = finetune(monkeypatch, capsys, path, '--repeats', '1')
    assert found['steps'] == 2 * 3 // 4  # 2 epochs of 3 steps, 4 fine-tunings
    assert {gain['low'] for gain in found['gains']} == {None}


def test_what_was_done_is_not_done_again(tmp_path, monkeypatch, capsys):
    path, _ = training(tmp_path)
    options = ('--steps', '4')
    whole, _ = finetune(monkeypatch, capsys, path, *options)
    (tmp_path / 'ranked/finetuning.json').unlink()
    tune, rows = finetuning.FineTuning.tune, []

    def stopped(self, row, *others):
        if len(rows) == 3:
            raise RuntimeError('killed')
        rows.append(row)
        return tune(self, row, *others)

    monkeypatch.setattr(finetuning.FineTuning, 'tune', stopped)
    with pytest.raises(RuntimeError, match='killed'):
        finetune(monkeypatch, capsys, path, *options)
    monkeypatch.setattr(finetuning.FineTuning, 'tune', tune)
    found, out = finetune(monkeypatch, capsys, path, *options)
    assert '3 of 8 are done already' in out
    assert found == whole
    # once more: another metric, and then more repeats
    monkeypatch.setattr(finetuning.FineTuning, 'tune', None)
    other, _ = finetune(monkeypatch, capsys, path, *options, '--metric', 'first')
    assert other['runs'] == whole['runs']
    assert other['metric'] == 'first'
    monkeypatch.setattr(finetuning.FineTuning, 'tune', tune)
    more, _ = finetune(monkeypatch, capsys, path, *options, '--repeats', '3')
    assert [len(runs) for runs in more['runs'].values()] == [3] * 4
    few, _ = finetune(monkeypatch, capsys, path, *options, '--operations', 'Cutout')
    assert few['runs'] == more['runs']
    assert [gain['candidate'] for gain in few['gains']] == ['Cutout']
    assert all(more['runs'][name][:2] == runs for name, runs in whole['runs'].items())


def trained_upright_inverted_at_work(folder):
    """S_val is inverted: its class is the channel that is dark."""
    steps = [dict(type='ToyInvert'), dict(type='ToyPack')]
    path, config = training(
        folder, **{'val_dataloader.dataset.pipeline': steps, 'model.drop': 0.0}
    )
    config.work_dir = str(folder / 'trained')
    runner = Runner.from_cfg(config)
    runner.train()
    runner.save_checkpoint(str(folder), 'trained.pth', save_optimizer=False)
    return path


def test_rates_are_compared_and_the_best_is_written_out(tmp_path, monkeypatch, capsys):
    path = trained_upright_inverted_at_work(tmp_path)
    options = ('--steps', '60', '--lr-scale', '1', '--rates', '0.1', '1')
    found, out = finetune(
        *(monkeypatch, capsys, path, *options),
        checkpoint='trained.pth',
        ops=('Identity', 'Invert'),
    )
    best, other = found['gains']
    assert (best['candidate'], best['verdict']) == ('p_tp 1', 'helps')
    assert other['candidate'] == 'p_tp 0.1'
    assert '2 rates and none, 2 times 60 steps each' in out
    ((line),) = (line for line in out.splitlines() if line.startswith('take '))
    step = eval(line.removeprefix('take '))
    augment = TRANSFORMS.build(step)
    assert augment.schedule.total_prob.tolist() == [1.0]


def test_what_undoes_a_shift_is_found_and_what_loses_is_left_out(
    tmp_path, monkeypatch, capsys
):
    path = trained_upright_inverted_at_work(tmp_path)
    file = tmp_path / 'space.py'
    options = ('--steps', '60', '--lr-scale', '1', '--emit-space', str(file))
    found, out = finetune(monkeypatch, capsys, path, *options, checkpoint='trained.pth')
    best, *others = found['gains']
    assert (best['candidate'], best['verdict']) == ('Invert', 'helps')
    assert '1 help: Invert' in out
    values: dict = {}
    exec(file.read_text(), values)
    kept = {name for name, _ in build_space(values['space']).candidates}
    harm = {gain['candidate'] for gain in others if gain['verdict'] == 'harms'}
    assert kept == {'Identity', 'Invert', 'Rotate', 'Cutout'} - harm
    again = finetune(
        monkeypatch, capsys, path, *options, '--first', '1', checkpoint='trained.pth'
    )
    assert again[0]['gains'] == found['gains']
    exec(file.read_text(), values)
    assert build_space(values['space']).labels == ['Invert']


def test_wrong_arguments_of_fine_tuning_are_told(search, tmp_path, monkeypatch, capsys):
    path, _ = training(tmp_path)

    def said(config, *words):
        arguments = ['rank', str(config), str(tmp_path / 'net.pth'), *words]
        folder = str(tmp_path / 'ranked')
        monkeypatch.setattr(sys, 'argv', [*arguments, '--work-dir', folder])
        return told(rank_augmentations.main, capsys, monkeypatch)

    assert '--steps belongs to fine-tuning; add' in said(path, '--steps', '3')
    assert 'must be one of accuracy/top1, first' in said(
        path, '--finetune', '--metric', 'second'
    )
    assert "did you mean 'Invert'?" in said(
        path, '--finetune', '--operations', 'Rotate', 'Inverse'
    )
    assert '--rates[1] must be float <= 1.0, but is 1.5' in said(
        path, '--finetune', '--rates', '0.5', '1.5'
    )
    assert '--lr-scale must be' in said(path, '--finetune', '--lr-scale', '0')
    assert '--first is about operations' in said(
        path, '--finetune', '--rates', '1', '--first', '4'
    )
    assert '--first belongs to fine-tuning; add' in said(path, '--first', '4')
    assert 'is a search config, which evaluates nothing' in said(search, '--finetune')
    finetune(monkeypatch, capsys, path, '--steps', '1')
    few = '--cfg-options', *FEW
    assert 'holds fine-tunings with another steps; delete it' in said(
        path, '--finetune', '--steps', '2', *few
    )
    assert 'with another config' in said(path, '--finetune')
