"""Tables of a policy's rows, and of what tells two policies apart."""

import sys

import numpy as np
import pytest

from ddas_mm.errors import SettingError
from ddas_mm.outcome.emit import policy_source
from ddas_mm.policy import PolicySchedule, SearchSpace, write_policy
from tools.analysis_tools import print_policy


def write(path, names, rows):
    space = SearchSpace('detection', tuple((name, None) for name in names))
    schedule = PolicySchedule.from_snapshots(space, rows)
    if path.suffix == '.py':
        path.write_text(policy_source(schedule))
    else:
        write_policy(schedule, path)
    return str(path)


@pytest.fixture
def first(tmp_path):
    rows = [(0.5, np.array([0.6, 0.4])), (0.25, np.array([0.1, 0.9]))]
    return write(tmp_path / 'a.json', ['Equalize', 'Invert'], rows)


def table(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, 'argv', ['print_policy.py', *arguments])
    print_policy.main()
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_row_is_sorted_by_probability(first, monkeypatch, capsys):
    lines = table(monkeypatch, capsys, first)
    assert lines[0][:4] == ['row', '2', 'of', '2,']
    assert lines[1][:2] == ['p_tp', '0.2500']
    assert lines[4:] == [
        ['Invert', '0.9000', '1.80', 'x'],
        ['Equalize', '0.1000', '0.20', 'x'],
    ]
    assert table(monkeypatch, capsys, first, '--row', '1', '--top', '1')[4:] == [
        ['Equalize', '0.6000', '1.20', 'x']
    ]


def test_effects_stand_beside_probabilities(tmp_path, monkeypatch, capsys):
    space = SearchSpace('detection', (('Equalize', None), ('Invert', None)))
    known = {'candidate': 'Invert', 'verdict': 'harms', 'effect': -0.5, 'draws': 40}
    unknown = {'candidate': 'Equalize', 'verdict': 'not told apart', 'draws': 2}
    effects = [{**unknown, 'low': None}, {**known, 'low': -0.75, 'high': -0.25}]
    rows = [(0.25, np.array([0.1, 0.9]))]
    schedule = PolicySchedule.from_snapshots(space, rows, search={'effects': effects})
    write_policy(schedule, tmp_path / 'policy.json')
    lines = table(monkeypatch, capsys, str(tmp_path / 'policy.json'))
    assert ' '.join(lines[2]) == '0 help; 1 harm: Invert; 1 not told apart'
    assert [' '.join(line[4:]) for line in lines[4:]] == [
        '-0.50 (-0.75 to -0.25) harms',
        'unknown after 2 draws not told apart',
    ]


def test_difference_of_two_policies(first, tmp_path, monkeypatch, capsys):
    second = write(
        tmp_path / 'ddas_policy.py',
        ['Invert', 'AutoContrast'],
        [(0.75, np.array([0.8, 0.2]))],
    )
    lines = table(monkeypatch, capsys, first, second)
    assert lines[0][1:5] == ['0.2500', '->', '0.7500', '(+0.5000),']
    assert lines[0][-1] == '0.2000'  # half of 0.1 + 0.1 + 0.2
    assert lines[3:] == [
        ['AutoContrast', '-', '0.2000', '+0.2000'],
        ['Equalize', '0.1000', '-', '-0.1000'],
        ['Invert', '0.9000', '0.8000', '-0.1000'],
    ]


@pytest.mark.parametrize('row', ['0', '3', 'first', '-1'])
def test_row_that_does_not_exist_is_refused(first, row, monkeypatch, capsys):
    with pytest.raises(SettingError, match='--row must be 1 to 2'):
        table(monkeypatch, capsys, first, f'--row={row}')


def test_config_without_a_policy_is_refused(tmp_path, monkeypatch, capsys):
    (tmp_path / 'net.py').write_text('a = 1\n')
    with pytest.raises(SettingError, match=r"net.py' holds no policy"):
        table(monkeypatch, capsys, str(tmp_path / 'net.py'))
