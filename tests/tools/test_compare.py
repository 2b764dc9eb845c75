"""Comparing configs: what is run, the table, and what is refused."""

import csv
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from ddas_mm.cli.jobs import Run, RunFailed, launch_words
from ddas_mm.errors import SettingError
from tools.analysis_tools import compare

ROOT = Path(__file__).parents[2]
CONFIG = """
model = dict(type='ToyModel')
test_dataloader = dict(dataset=dict(type='ToyDataset'))
"""
MODULE = """
from mmengine.evaluator import BaseMetric
from mmengine.registry import METRICS, MODELS
from tests.toy import ToyModel

@MODELS.register_module()
class LabelClassifier(ToyModel):
    def forward(self, inputs, labels, mode='tensor'):
        if mode == 'predict':
            return [{'label': label} for label in labels]
        return super().forward(inputs, labels, mode)

@METRICS.register_module()
class CountLabels(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results += [int(sample['label']) for sample in data_samples]

    def compute_metrics(self, results):
        return {'mean_label': sum(results) / len(results)}
"""
REAL = """
custom_imports = dict(imports=['toy_classifier'])
model = dict(type='LabelClassifier')
train_dataloader = test_dataloader = dict(
    batch_size=4,
    num_workers=0,
    collate_fn=dict(type='default_collate'),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ToyDataset', size=5, pipeline=[dict(type='ToyPack')]),
)
train_cfg = dict(by_epoch=True, max_epochs=1)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
test_cfg = dict()
test_evaluator = dict(type='CountLabels')
"""


@pytest.fixture
def run_tool(tmp_path, monkeypatch):
    """Run the tool from another folder; return its exit code."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        monkeypatch.setattr(sys, 'argv', ['compare.py', *map(str, args)])
        with pytest.raises(SystemExit) as stop:
            compare.main()
        return stop.value.code

    return run


@pytest.fixture
def scores(tmp_path, monkeypatch):
    """Fake tools: a training logs an hour, a test finds the score of name and seed."""
    table, calls = {}, []

    def call(run, tool, *arguments):
        calls.append((run.name, run.seed, tool))
        if (run.name, run.seed) not in table:
            raise RunFailed('no such run')
        if tool == 'train':
            (run.folder / 'now').mkdir()
            (run.folder / 'now/now.log').write_text(
                'GPU number: 2\n2026/01/01 10:00:00 - mmengine - INFO - a\n'
                '2026/01/01 11:00:00 - mmengine - INFO - b\n'
            )
            (run.folder / 'last_checkpoint').write_text('epoch_1.pth')
        else:
            (run.folder / 'test/now').mkdir(parents=True)
            found = {'accuracy/top1': table[run.name, run.seed], 'time': 0.1}
            (run.folder / 'test/now/now.json').write_text(json.dumps(found))

    monkeypatch.setattr(Run, 'call', call)
    for name in ('a', 'b'):
        (tmp_path / f'{name}.py').write_text(CONFIG)
    return table, calls


def test_table_holds_mean_interval_and_cost(run_tool, scores):
    table, _ = scores
    table.update({('a', 0): 90.0, ('a', 1): 92.0, ('a', 2): 94.0})
    table.update({('second', 0): 1.0, ('second', 1): 1.0, ('second', 2): 1.0})
    assert run_tool('a.py', 'second=b.py', '--work-dir', 'w') == 0
    with open('w/compare.csv') as file:
        head, first, second = list(csv.reader(file))
    assert head[2] == 'accuracy/top1'
    # t = 4.3027 with 2 degrees of freedom, standard error 2 / sqrt(3)
    half = 4.3027 * 2 / np.sqrt(3)
    expected = [92, 92 - half, 92 + half]
    np.testing.assert_allclose(
        [float(cell) for cell in first[2:5]], expected, atol=0.01
    )
    assert first[:2] + first[5:] == ['a', '3', '1.000', '2']
    assert second[:5] == ['second', '3', '1', '1', '1']
    rows = Path('w/compare.md').read_text().splitlines()
    assert [cell.strip() for cell in rows[2].strip('|').split('|')] == first


def test_what_is_finished_is_not_run_again_and_failures_are_told(run_tool, scores):
    table, calls = scores
    table['a', 0] = 90.0
    assert run_tool('a.py', '--seeds', 0, 1, '--work-dir', 'w') == 1
    assert calls == [('a', 0, 'train'), ('a', 0, 'test'), ('a', 1, 'train')]
    table['a', 1] = 80.0
    assert run_tool('a.py', '--seeds', 0, 1, '--work-dir', 'w') == 0
    assert calls[3:] == [('a', 1, 'train'), ('a', 1, 'test')]
    assert '| a | 2 | 85 |' in Path('w/compare.md').read_text()


def test_single_seed_has_no_interval(run_tool, scores):
    scores[0]['a', 0] = 90.0
    assert run_tool('a.py', '--seeds', 0, '--work-dir', 'w') == 0
    assert '| a | 1 | 90 |  |  | 1.000 |' in Path('w/compare.md').read_text()


def test_differences_and_their_interval_are_those_of_the_paired_t_test():
    first = {0: 90.1, 1: 91.7, 2: 89.4, 5: 92.0}
    second = {5: 92.5, 2: 90.6, 1: 91.5, 0: 91.3}
    found = compare.differences(second, first)
    pairs = [(second[seed], first[seed]) for seed in first]
    expected = stats.ttest_rel(*zip(*pairs, strict=True)).confidence_interval(0.95)
    mean, low, high = compare.summarise(list(found.values()))
    np.testing.assert_allclose([low, high], [expected.low, expected.high])
    assert mean == pytest.approx((low + high) / 2)


def differences_written():
    with open('w/differences.csv') as file:
        head, *rows = csv.reader(file)
    return head, {row[0]: row[1:] for row in rows}


def test_pairs_tell_apart_what_overlapping_intervals_do_not(run_tool, scores):
    table, _ = scores
    for seed, score in enumerate((80.0, 90.0, 85.0)):
        table['a', seed], table['b', seed] = score, score + 1 + 0.1 * seed
    assert run_tool('a.py', 'b.py', '--work-dir', 'w') == 0
    head, rows = differences_written()
    assert head[2] == 'accuracy/top1 minus a'
    # 1, 1.1 and 1.2: t = 4.3027 with 2 degrees of freedom, standard error .1 / sqrt(3)
    half = 4.3027 * 0.1 / np.sqrt(3)
    found = [float(cell) for cell in rows['b'][1:4]]
    np.testing.assert_allclose(found, [1.1, 1.1 - half, 1.1 + half], atol=1e-3)
    assert rows['b'][4] == '0: +1, 1: +1.1, 2: +1.2'
    assert [*rows] == ['b']
    text = Path('w/compare.md').read_text()
    assert f'| b | {" | ".join(rows["b"])} |' in text
    assert run_tool('a.py', 'b.py', '--baseline', 'b', '--work-dir', 'w') == 0
    head, rows = differences_written()
    assert head[2] == 'accuracy/top1 minus b'
    assert rows['a'][1] == '-1.1'


def test_only_seeds_that_both_have_are_paired(run_tool, scores):
    table, _ = scores
    table.update({('a', 0): 90.0, ('a', 1): 80.0, ('b', 1): 80.5, ('b', 2): 99.0})
    table.update({('c', 0): 90.1, ('c', 1): 79.9, ('d', 2): 1.0})
    args = ['a.py', *(f'{name}=b.py' for name in 'bcd')]
    assert run_tool(*args, '--work-dir', 'w') == 1
    rows = differences_written()[1]
    assert rows['b'] == ['1', '0.5', '', '', '1: +0.5']
    assert rows['c'][:2] == ['2', '0']  # +0.1 and -0.1 cancel
    assert rows['d'] == ['0', '', '', '', '']


def test_equal_differences_have_an_interval_of_no_width(run_tool, scores):
    table, _ = scores
    for seed in (0, 1, 2):
        table['a', seed], table['b', seed] = float(seed), seed + 0.5
    assert run_tool('a.py', 'b.py', '--work-dir', 'w') == 0
    assert differences_written()[1]['b'][:4] == ['3', '0.5', '0.5', '0.5']


def test_without_a_run_of_the_baseline_there_are_no_differences(run_tool, scores):
    scores[0]['b', 0] = 90.0
    assert run_tool('a.py', 'b.py', '--seeds', 0, '--work-dir', 'w') == 1
    assert 'minus' not in Path('w/compare.md').read_text()


@pytest.mark.parametrize(
    ('args', 'message'),
    [
        (('a.py', 'a=b.py'), "both called 'a'"),
        (('missing.py',), "'missing.py' does not exist"),
        (('a.py', '--launcher', 'bash dist.sh {config}'), r'must hold \{tool\}'),
        (('a.py', '--metric', 'mAP'), "--metric must be one of .* but is 'mAP'"),
        (('a.py', 'b.py', '--baseline', 'c'), "one of a, b, but is 'c'"),
    ],
)
def test_unusable_settings_are_refused(run_tool, scores, args, message):
    scores[0]['a', 0] = 90.0
    with pytest.raises(SettingError, match=message):
        run_tool(*args, '--seeds', 0)


def test_launcher_is_filled_in():
    launcher = 'bash tools/slurm.sh {tool} gpu {name} {config} {work_dir}'
    run = Run('mine', 'c d.py', 3, Path('w/mine'), launcher=launcher)
    words = launch_words(run, 'train')
    assert words[2:] == ['train', 'gpu', 'mine', 'c d.py', 'w/mine']


def test_toy_is_trained_and_evaluated_by_the_real_tools(
    run_tool, tmp_path, monkeypatch
):
    (tmp_path / 'toy_classifier.py').write_text(MODULE)
    (tmp_path / 'real.py').write_text(REAL)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert run_tool('real.py', '--seeds', 4, '--work-dir', 'w') == 0
    folder = Path('w/real/seed_4')
    assert (folder / 'epoch_1.pth').is_file()
    assert 'seed: 4' in next(folder.glob('2*/*.log')).read_text()
    # labels 0, 1, 2, 0, 1
    assert json.loads((folder / 'result.json').read_text())['metrics'] == {
        'mean_label': 0.8
    }
