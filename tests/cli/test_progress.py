"""Progress on stderr: a bar on a terminal, few lines elsewhere, stdout untouched."""

import re

import pytest
import rich.console

from ddas_mm.cli import parser as progress


@pytest.fixture
def narrow(monkeypatch):
    """Of no colour and known width, whatever terminal the tests run in."""
    for name in ('FORCE_COLOR', 'TTY_COMPATIBLE', 'TTY_INTERACTIVE'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('COLUMNS', '60')


def test_items_pass_in_order_and_short_work_is_silent(capsys, narrow):
    assert list(progress.track(range(5), 'images')) == [0, 1, 2, 3, 4]
    assert capsys.readouterr() == ('', '')


def test_long_work_tells_a_line_per_interval(capsys, narrow, monkeypatch):
    times = iter(range(0, 1000, 10))  # three looks at the clock to an interval
    monkeypatch.setattr(progress.time, 'monotonic', lambda: next(times))
    assert list(progress.track('abcdefgh', 'letters')) == list('abcdefgh')
    out, err = capsys.readouterr()
    assert out == ''
    lines = [line.split() for line in err.splitlines()]
    assert [line[:2] for line in lines] == [['letters:', '2/8'], ['letters:', '5/8']]
    assert all(re.fullmatch(r'[-:\d]+', left) for _, _, left in lines)


def test_time_left_is_known_where_items_take_minutes(capsys, narrow, monkeypatch):
    monkeypatch.setattr(progress.time, 'monotonic', lambda: next(times))
    monkeypatch.setattr(rich.console, 'monotonic', lambda: next(times))
    times = iter(range(0, 10**6, 100))
    assert list(progress.track('abcdef', 'letters')) == list('abcdef')
    *_, last = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r'letters: 5/6 \d:\d\d:\d\d *', last)


def test_terminal_shows_a_bar(capsys, narrow, monkeypatch):
    monkeypatch.setenv('FORCE_COLOR', '1')  # rich: as if it were one
    assert list(progress.track(range(3), 'images')) == [0, 1, 2]
    out, err = capsys.readouterr()
    assert out == ''
    shown = re.sub(r'\x1b\[[\d;?]*\w', '', err)
    assert 'images: 0/3' in shown
    assert 'images: 3/3' in shown
    assert '━' in shown


def test_what_is_printed_under_a_bar_reaches_stdout(capsys, narrow, monkeypatch):
    monkeypatch.setenv('FORCE_COLOR', '1')
    for item in progress.track('ab', 'letters'):
        print(item)
    assert capsys.readouterr().out == 'a\nb\n'
