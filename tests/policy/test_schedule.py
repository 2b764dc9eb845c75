"""Schedules: smoothing, resampling, drawing, and the policy file."""

import copy
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import ddas_mm
from ddas_mm.augment.candidates import build_space
from ddas_mm.augment.transform import DDASAugment
from ddas_mm.errors import SettingError
from ddas_mm.policy import (
    PolicySchedule,
    SearchSpace,
    policy_from_dict,
    policy_to_dict,
    read_policy,
    write_policy,
)
from ddas_mm.policy.schedule import smooth_total_prob

SPACE = SearchSpace(
    'detection', (('Rotate_BBox', 6), ('Equalize', None)), 2, {'fill': 7}
)


def make_schedule(rows=5, smooth=1):
    rng = np.random.default_rng(0)
    first = rng.random(rows)
    snapshots = [(rng.random(), np.array([p, 1 - p])) for p in first]
    return PolicySchedule.from_snapshots(SPACE, snapshots, smooth, {'seed': 1})


@pytest.mark.parametrize('size', [1, 2, 3, 6])
def test_mean_filter_holds_edges(size):
    """Of an even size, one more of the rows before counts than of those behind."""
    raw = np.array([0.1, 0.2, 0.6, 0.3, 0.7, 0.4])
    places = [range(i - size // 2, i - size // 2 + size) for i in range(len(raw))]
    by_hand = [np.mean([raw[min(max(j, 0), 5)] for j in place]) for place in places]
    np.testing.assert_allclose(smooth_total_prob(raw, size), by_hand)


def test_raw_and_smoothed_are_both_kept_and_op_probs_are_not_smoothed():
    raw, smoothed = make_schedule(), make_schedule(smooth=2)
    np.testing.assert_array_equal(smoothed.total_prob_raw, raw.total_prob)
    np.testing.assert_array_equal(smoothed.op_probs, raw.op_probs)
    expected = (raw.total_prob[0] + raw.total_prob[1]) / 2
    assert smoothed.total_prob[1] == pytest.approx(expected)


@pytest.mark.parametrize(
    ('rows', 'epochs'),
    [(5, 5), (30, 150), (30, 12), (20, 1), (22, 11), (7, 90_000)],
)
def test_epoch_uses_nearest_row(rows, epochs):
    """The later one of two that are as near: with 22 rows and 11 epochs all are."""
    schedule = make_schedule(rows)
    centres = [Fraction(2 * row + 1, 2 * rows) for row in range(rows)]
    for epoch in range(0, epochs, max(epochs // 300, 1)):
        centre = Fraction(2 * epoch + 1, 2 * epochs)
        nearest = max(range(rows), key=lambda row: (-abs(centres[row] - centre), row))
        assert schedule.row_index(epoch, epochs) == nearest
    # Workers ask for mini-batches that will not be needed any more.
    assert schedule.row_index(epochs + 3, epochs) == rows - 1


def test_draws_follow_probabilities():
    policy = PolicySchedule.from_snapshots(SPACE, [(0.3, np.array([0.2, 0.8]))])
    rng = np.random.default_rng(0)
    draws = [policy.draw(0, rng) for _ in range(20_000)]
    drawn = [k for draw in draws for k in draw]
    assert {len(draw) for draw in draws} == {0, 2}
    # 5 standard deviations of a binomial
    augmented = sum(map(bool, draws))
    assert abs(augmented / 20_000 - 0.3) < 5 * np.sqrt(0.3 * 0.7 / 20_000)
    assert abs(np.mean(drawn) - 0.8) < 5 * np.sqrt(0.2 * 0.8 / len(drawn))
    alike = np.mean([first == second for first, second in filter(None, draws)])
    assert abs(alike - 0.68) < 5 * np.sqrt(0.68 * 0.32 / augmented)


def drawing(*numbers):
    """A generator of given numbers: whether to augment, and which candidates."""
    first, *others = numbers
    return SimpleNamespace(
        random=lambda size=None: first if size is None else np.array(others[:size])
    )


@pytest.mark.parametrize(
    ('op_probs', 'number', 'candidate'),
    [
        ([0.6, 0.4], 0.599, 0),
        ([0.6, 0.4], 0.6, 1),
        # rounded as in emitted configs, the rest of the last one's share is its own
        ([0.6, 0.3995], np.nextafter(1, 0), 1),
        ([0.6, 0.4005], 0.5999, 1),
        ([0.0, 1.0], 0.0, 1),  # never one of probability zero
    ],
)
def test_number_falls_into_the_share_of_its_candidate(op_probs, number, candidate):
    policy = PolicySchedule.from_snapshots(SPACE, [(0.3, np.array(op_probs))])
    assert policy.draw(0, drawing(0.29, number, number)) == [candidate] * 2
    assert policy.draw(0, drawing(0.3, number, number)) == []


def test_probability_of_zero_augments_nothing():
    policy = PolicySchedule.from_snapshots(SPACE, [(0.0, np.array([0.5, 0.5]))])
    assert policy.draw(0, drawing(0.0, 0.5, 0.5)) == []


def test_file_round_trip_is_exact(tmp_path):
    schedule = replace(make_schedule(smooth=2), space=replace(SPACE, depth=3))
    write_policy(schedule, tmp_path / 'policy.json')
    found = read_policy(tmp_path / 'policy.json')
    assert found.space == schedule.space
    assert found.search == {'seed': 1}
    for name in ('total_prob', 'total_prob_raw', 'op_probs'):
        np.testing.assert_array_equal(getattr(found, name), getattr(schedule, name))
    assert [p.name for p in tmp_path.iterdir()] == ['policy.json']


def test_file_may_be_read_by_whom_other_files_may(tmp_path):
    write_policy(make_schedule(), tmp_path / 'policy.json')
    (tmp_path / 'other').touch()
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_non_finite_policy_is_not_written(tmp_path):
    schedule = make_schedule()
    schedule.op_probs[0, 0] = np.nan
    with pytest.raises(ValueError, match='JSON compliant'):
        write_policy(schedule, tmp_path / 'policy.json')
    assert list(tmp_path.iterdir()) == []


def edited(*path, value):
    def edit(data):
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = value

    return edit


NAN, INF = float('nan'), float('inf')
DAMAGE = {
    'format': (
        edited('format', value='pickle'),
        "format must be.*ddas-policy.*'pickle'",
    ),
    'version': (edited('version', value=2), 'version must be int <= 1, but is 2'),
    'version type': (edited('version', value='1'), "version must be int, but is '1'"),
    'unknown field': (edited('extra', value=1), "unknown key 'extra'"),
    'table': (edited('table', value=3), 'table must be str, but is 3'),
    'depth 0': (edited('depth', value=0), 'depth must be int >= 1, but is 0'),
    'depth float': (edited('depth', value=1.5), 'depth must be int, but is 1.5'),
    'depth bool': (edited('depth', value=True), 'depth must be int, but is True'),
    'constants': (edited('constants', value=[1]), r'constants must be dict.*\[1\]'),
    'search': (edited('search', value='x'), "search must be dict.*'x'"),
    'no candidates': (
        edited('candidates', value=[]),
        'candidates must be list of length >= 1',
    ),
    'candidates type': (edited('candidates', value='ab'), "candidates must.*'ab'"),
    'candidate': (
        edited('candidates', 1, value='Equalize'),
        r'candidates\[1\] must be',
    ),
    'candidate name': (edited('candidates', 1, value=[3, None]), r'candidates\[1\].*3'),
    'level': (edited('candidates', 0, 1, value='6'), r"candidates\[0\].*but is '6'"),
    'level < 0': (edited('candidates', 0, 1, value=-1), r'candidates\[0\].*but is -1'),
    'level nan': (edited('candidates', 0, 1, value=NAN), r'candidates\[0\].*nan'),
    'twice': (
        edited('candidates', 0, value=['Equalize', None]),
        "'Equalize' is named twice",
    ),
    'K': (
        edited('candidates', value=[['Equalize', None]]),
        r'op_probs\[0\] has 2.*1 can',
    ),
    'total_prob > 1': (edited('total_prob', 1, value=1.2), r'total_prob\[1\].*1.2'),
    'total_prob < 0': (edited('total_prob', 1, value=-0.1), r'total_prob\[1\].*-0.1'),
    'total_prob nan': (edited('total_prob', 1, value=NAN), r'total_prob\[1\].*nan'),
    'total_prob null': (edited('total_prob', 0, value=None), r'total_prob\[0\].*None'),
    'total_prob bool': (edited('total_prob', 0, value=True), r'total_prob\[0\].*True'),
    'total_prob text': (
        edited('total_prob', 0, value='0.3'),
        r"total_prob\[0\].*'0.3'",
    ),
    'total_prob scalar': (edited('total_prob', value=0.3), 'total_prob must be list'),
    'total_prob empty': (edited('total_prob', value=[]), 'total_prob must be list'),
    'raw': (edited('total_prob_raw', 2, value=7), r'total_prob_raw\[2\].*7'),
    'raw rows': (
        edited('total_prob_raw', value=[0.5]),
        r'total_prob_raw .*5 rows.*\(1,\)',
    ),
    'rows': (edited('op_probs', value=[[0.5, 0.5]]), r'op_probs .*5 rows.*\(1, 2\)'),
    'row short': (edited('op_probs', 3, value=[1.0]), r'op_probs\[3\] has 1 entries'),
    'row long': (
        edited('op_probs', 3, value=[1, 0, 0]),
        r'op_probs\[3\] has 3 entries',
    ),
    'row sum': (
        edited('op_probs', 2, value=[0.5, 0.498]),
        r'op_probs\[2\].*sums to 0.998',
    ),
    'row nan': (edited('op_probs', 2, 0, value=NAN), r'op_probs\[2\]\[0\].*nan'),
    'row inf': (edited('op_probs', 2, 0, value=INF), r'op_probs\[2\]\[0\].*inf'),
    'row < 0': (edited('op_probs', 2, value=[-0.5, 1.5]), r'op_probs\[2\]\[0\].*-0.5'),
    'row scalar': (edited('op_probs', 0, value=0.5), r'op_probs\[0\] must be list'),
    'no op_probs': (lambda data: data.pop('op_probs'), 'field op_probs is missing'),
    'no candidates field': (
        lambda data: data.pop('candidates'),
        'field candidates is missing',
    ),
    'no depth': (lambda data: data.pop('depth'), 'field depth is missing'),
}


@pytest.mark.parametrize('name', DAMAGE)
def test_damaged_policy_is_refused_with_file_field_and_value(name, tmp_path):
    damage, message = DAMAGE[name]
    data = copy.deepcopy(policy_to_dict(make_schedule()))
    damage(data)
    path = tmp_path / 'policy.json'
    path.write_text(json.dumps(data))
    with pytest.raises(SettingError, match=message) as caught:
        read_policy(path)
    assert str(path) in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'not valid JSON'),
        (b'{"format": "ddas-pol', 'not valid JSON'),
        (b'\x80\x04\x95\x10\x00\x00\x00', 'not a text file'),
        (b'[1, 2]', 'must be a dict, but is .1, 2.'),
        (b'[' * 100_000, 'not valid JSON'),
    ],
)
def test_file_that_is_no_policy_is_refused(content, message, tmp_path):
    path = tmp_path / 'policy.json'
    path.write_bytes(content)
    with pytest.raises(SettingError, match=message):
        read_policy(path)


SHIPPED = sorted((Path(ddas_mm.__file__).parent / 'policies').glob('*.json'))


@pytest.mark.parametrize('file', SHIPPED, ids=lambda file: file.stem)
def test_policy_of_the_package_is_found_by_its_name(file):
    found = read_policy(f'ddas_mm://{file.stem}')
    assert np.array_equal(found.op_probs, read_policy(file).op_probs)
    assert DDASAugment(policy=f'ddas_mm://{file.stem}').ops.candidates
    page = Path(__file__).parents[2] / 'docs' / 'policies.md'
    assert f'| `ddas_mm://{file.stem}` |' in page.read_text()


@pytest.mark.parametrize(
    ('name', 'space', 'total'),
    [
        ('uniform-cifar', {'name': 'cifar', 'depth': 2}, 0.35),
        ('randaugment-coco', {'name': 'coco', 'levels': (6,), 'depth': 2}, 1),
    ],
)
def test_uniform_policies_of_the_package_prefer_nothing(name, space, total):
    found = read_policy(f'ddas_mm://{name}')
    assert found.space == build_space(space)
    assert found.total_prob.tolist() == [total]
    np.testing.assert_allclose(found.op_probs, 1 / len(found.space), atol=1e-6)


def test_unknown_name_of_a_policy_is_told_with_those_that_there_are():
    names = ', '.join(f'ddas_mm://{file.stem}' for file in SHIPPED)
    with pytest.raises(
        SettingError, match=f"one of {names}, but is 'ddas_mm://nothing'"
    ):
        read_policy('ddas_mm://nothing')


def test_missing_file_is_named(tmp_path):
    with pytest.raises(SettingError, match='nowhere.json.*No such file'):
        read_policy(tmp_path / 'nowhere.json')


def test_policy_without_optional_fields_is_accepted():
    data = {
        'table': 'detection',
        'candidates': [['Equalize', None]],
        'depth': 1,
        'total_prob': [0.5],
        'op_probs': [[1]],
    }
    assert policy_from_dict(data).draw(0, np.random.default_rng(1)) in ([], [0])
