"""Gains in a metric, their intervals, and which metric counts."""

import json

import numpy as np
import pytest
from scipy import stats

from ddas_mm.errors import SettingError
from ddas_mm.outcome.gains import (
    choose_metric,
    estimate_gains,
    gain_rows,
    lower_is_better,
    plain_metrics,
)
from ddas_mm.outcome.plots import save_effects
from tests.ranks import ROOT

COCO = {'coco/bbox_mAP_50': 0.5, 'coco/bbox_mAP': 0.3, 'coco/bbox_mAP_s': -1.0}


def gains(values, **changes):
    values = np.array(values, float)
    names = [f'op {k}' for k in range(1, len(values))]
    return estimate_gains(names, values, **changes)


def test_gain_and_error_are_those_of_a_linear_model():
    rows, repeats = 6, 3
    values = np.random.default_rng(0).normal(size=(rows, repeats))
    # columns: a mean of each operation, and of each repeat but the first
    design = np.zeros((rows * repeats, rows + repeats - 1))
    for i, (k, r) in enumerate(np.ndindex(rows, repeats)):
        design[i, k] = 1
        if r:
            design[i, rows + r - 1] = 1
    solution, (square,), *_ = np.linalg.lstsq(design, values.ravel(), rcond=None)
    freedom = rows * repeats - design.shape[1]
    covariance = np.linalg.inv(design.T @ design) * square / freedom
    found = gains(values)
    assert len(found) == rows - 1
    for told in found:
        k = int(told['candidate'][3:])
        contrast = np.zeros(design.shape[1])
        contrast[[0, k]] = -1, 1
        error = (contrast @ covariance @ contrast) ** 0.5
        assert told['effect'] == pytest.approx(contrast @ solution, rel=1e-10)
        assert told['std_error'] == pytest.approx(error, rel=1e-10)
        half = stats.t.ppf(0.975, freedom) * error
        assert [told['low'], told['high']] == pytest.approx(
            [told['effect'] - half, told['effect'] + half], rel=1e-10
        )


@pytest.mark.parametrize('repeats', [2, 3])
def test_intervals_hold_the_truth_as_often_as_they_say(repeats):
    rng, held = np.random.default_rng(1), []
    truth = np.linspace(-2, 2, 9)
    for _ in range(1000):
        values = np.r_[0, truth][:, None] + 5 * rng.normal(size=(1, repeats))
        found = gains(values + rng.normal(size=(10, repeats)))
        true = [truth[int(g['candidate'][3:]) - 1] for g in found]
        held += [g['low'] <= t <= g['high'] for g, t in zip(found, true, strict=True)]
    assert np.mean(held) == pytest.approx(0.95, abs=0.01)


def test_verdict_tells_on_which_side_of_zero_the_interval_lies():
    none, good, same, bad = [50, 51], [55, 56.1], [50.2, 50.9], [45, 46.1]
    found = gains([none, bad, good, same])
    told = [(g['candidate'], g['verdict']) for g in found]
    assert told == [('op 2', 'helps'), ('op 3', 'not told apart'), ('op 1', 'harms')]
    assert [row[0] for row in gain_rows(found)] == ['op 2', 'op 3', 'op 1']
    assert gain_rows(found)[0][1:3] == ('55.550', '+5.050')
    lower = gains([none, bad, good, same], lower=True)
    assert [g['candidate'] for g in lower] == ['op 1', 'op 3', 'op 2']
    assert lower[0]['effect'] == -found[-1]['effect']


def test_one_repeat_has_an_order_and_no_verdicts():
    found = gains([[0.3], [0.2], [0.4]])
    rows = gain_rows(found)
    assert [row[0] for row in rows] == ['op 2', 'op 1']
    assert {row[3:] for row in rows} == {('? to ?', 'not told apart')}


def test_alike_in_all_repeats_is_no_gain():
    assert gains([[0.3, 0.4]] * 3)[0]['verdict'] == 'not told apart'


def test_what_is_left_out_by_the_study_s_fine_tunings_loses_in_whole_trainings():
    found: dict = {'truth': {}, 'fine-tuning': {}}
    results = (ROOT / 'benchmarks/study/results/D1.jsonl').read_text().splitlines()
    for line in map(json.loads, results):
        kind = found.get(line['tags'].get('what'), {})
        kind.setdefault(line['tags'].get('op'), []).append(line.get('accuracy'))
    names = [name for name in found['truth'] if name != 'none']
    told = {}
    for kind, runs in found.items():
        values = np.array([runs[name] for name in ('none', *names)])
        told[kind] = {g['candidate']: g for g in estimate_gains(names, values)}
    truth, short = ([kind[name]['effect'] for name in names] for kind in told.values())
    assert stats.spearmanr(truth, short)[0] == pytest.approx(0.85, abs=0.005)
    assert np.mean(short) - np.mean(truth) == pytest.approx(-1.2, abs=0.05)
    harm = [n for n in names if told['fine-tuning'][n]['verdict'] == 'harms']
    gain = {n: round(told['truth'][n]['effect'], 1) for n in harm}
    assert len(harm) == 7
    assert {n: g for n, g in gain.items() if g > 0} == {'Solarize': 0.4}


def test_picture_is_drawn(tmp_path):
    save_effects(gains([[1, 2], [3, 4], [0, 2]]), 'gain', tmp_path / 'a.png')
    assert (tmp_path / 'a.png').read_bytes()[1:4] == b'PNG'


@pytest.mark.parametrize(
    ('found', 'wanted', 'hook', 'chosen'),
    [
        (COCO, None, {}, 'coco/bbox_mAP'),
        (COCO, 'coco/bbox_mAP_50', {'save_best': 'coco/bbox_mAP'}, 'coco/bbox_mAP_50'),
        (COCO, None, {'save_best': 'coco/bbox_mAP_50'}, 'coco/bbox_mAP_50'),
        (COCO, None, {'save_best': ['coco/bbox_mAP_50']}, 'coco/bbox_mAP_50'),
        (COCO, None, {'save_best': 'auto'}, 'coco/bbox_mAP'),
        ({'aAcc': 90, 'mIoU': 40, 'mAcc': 50}, None, {}, 'mIoU'),
        ({'accuracy/top1': 90, 'accuracy/top5': 99}, None, {}, 'accuracy/top1'),
        ({'own': 1.0, 'other': 2.0}, None, {}, 'own'),
    ],
)
def test_metric_is_what_is_asked_for_or_the_usual_one(found, wanted, hook, chosen):
    assert choose_metric(found, wanted, hook) == chosen


def test_what_is_no_number_is_no_metric():
    found = {'table': [1, 2], 'name': 'x', 'own': np.float32(0.5), 'other': 2}
    assert plain_metrics(found) == {'own': 0.5, 'other': 2.0}


def test_metric_that_is_not_there_is_told():
    with pytest.raises(SettingError, match="--metric must be .* mean 'coco/bbox_mA"):
        choose_metric(COCO, 'bbox_mAP', {})
    with pytest.raises(SettingError, match=r"checkpoint.save_best must be .*'top1'"):
        choose_metric(COCO, None, {'save_best': 'top1'})
    with pytest.raises(SettingError, match='gives no metric'):
        choose_metric({}, None, {})


def test_direction_is_that_of_the_training_or_of_the_name():
    assert not lower_is_better('coco/bbox_mAP', {})
    assert lower_is_better('val/loss', {})
    assert lower_is_better('NME', {})
    assert lower_is_better('own', {'save_best': 'own', 'rule': 'less'})
    assert not lower_is_better('mae', {'save_best': 'mae', 'rule': 'greater'})
    assert lower_is_better('gap', {'less_keys': ['gap']})
