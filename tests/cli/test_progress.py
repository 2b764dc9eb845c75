"""Progress on stderr: a bar on a terminal, few lines elsewhere, stdout untouched."""

import re

from ddas_mm.cli import progress


class Clock:
    """Says how late it is, a quarter of an interval later each time."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        self.seconds += progress.INTERVAL / 4
        return self.seconds


def test_items_pass_in_order_and_short_work_is_silent(capsys):
    assert list(progress.track(range(5), 'images')) == [0, 1, 2, 3, 4]
    assert capsys.readouterr() == ('', '')


def test_long_work_tells_a_line_per_interval(capsys, monkeypatch):
    monkeypatch.setattr(progress.time, 'monotonic', Clock())
    assert list(progress.track('abcdefghij', 'letters')) == list('abcdefghij')
    out, err = capsys.readouterr()
    assert out == ''
    # an item takes 7.5 s
    assert err.splitlines() == [
        'letters: 4/10, 0.133 per s, ETA 0:00:45',
        'letters: 8/10, 0.133 per s, ETA 0:00:15',
    ]


def test_terminal_shows_a_bar(capsys, monkeypatch):
    monkeypatch.setattr(progress.sys.stderr, 'isatty', lambda: True, raising=False)
    assert list(progress.track(range(3), 'images')) == [0, 1, 2]
    out, err = capsys.readouterr()
    assert out == ''
    assert err.startswith('images:\n')
    assert re.findall(r'\] (\d/\d)', err) == ['0/3', '1/3', '2/3', '3/3']
