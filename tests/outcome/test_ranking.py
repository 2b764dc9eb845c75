"""The score of candidates, its interval, verdicts, and what is written of them."""

import statistics

import numpy as np
import pytest

from ddas_mm.augment.candidates import build_space
from ddas_mm.errors import SettingError
from ddas_mm.outcome.pictures import ImagePictures
from ddas_mm.outcome.ranking import (
    NOTHING,
    OFF,
    UNCLEAR,
    WORTH,
    Ranking,
    corners,
    draw_ranking,
    space_text,
)

SETTINGS = dict(
    table='classification', ops=('Identity', 'Invert', 'Rotate'), levels=(2, 6), depth=1
)
SPACE = build_space(SETTINGS)  # Identity, Invert, Rotate 2, Rotate 6
M = 200


def losses(plain, rises, noise=0.05, seed=0):
    """(2, K, M) losses whose rises vary by mini-batch, about the given ones."""
    rng = np.random.default_rng(seed)
    first = plain + rng.normal(0, noise, M)
    rises = [rise and rise + rng.normal(0, noise, M) for rise in rises]
    return np.array([[first] * len(rises), [first + rise for rise in rises]])


def ranking(novelty, rise, train=0.1, val=1.0):
    return Ranking(SPACE, losses(train, novelty, seed=1), losses(val, rise, seed=2))


@pytest.mark.parametrize(
    ('novelty', 'rise', 'expected'),
    [
        (0.0, 0.0, 0.0),
        (0.4, 0.0, 0.4),  # harder, and of the data
        (0.9, 0.0, 0.9),  # as hard as what was never seen
        (5.0, 0.0, 0.9),  # harder counts no more
        (0.4, 0.4, 0.2),  # half of what S_val loses
        (5.0, 4.0, -1.1),
    ],
)
def test_score_is_novelty_up_to_the_gap_less_half_the_rise(novelty, rise, expected):
    train = np.array([[[0.1] * 3] * 4, [[0.1 + novelty] * 3] * 4])
    val = np.array([[[1.0] * 2] * 4, [[1.0 + rise] * 2] * 4])
    assert Ranking(SPACE, train, val).score == pytest.approx([expected] * 4)


def test_network_without_a_gap_promises_nothing_of_novelty():
    train, val = losses(1.0, [0.5] * 4, 0), losses(0.8, [0.0] * 4, 0)
    assert Ranking(SPACE, train, val).score == pytest.approx([0] * 4)


def test_interval_is_that_of_independent_means():
    found = ranking([0, 0.2, 0.3, 0.4], [0, 0.1, 0.2, 0.3])
    low, high = found.interval
    novelty, rise = found.train[1] - found.train[0], found.val[1] - found.val[0]
    for k in range(1, 4):
        variances = statistics.variance(novelty[k]), statistics.variance(rise[k]) / 4
        half = 1.96 * (sum(variances) / M) ** 0.5
        assert low[k] == pytest.approx(found.score[k] - half, abs=0.15 * half)
        assert high[k] == pytest.approx(found.score[k] + half, abs=0.15 * half)
    assert (low[0], high[0]) == (0, 0)


def test_verdict_follows_where_the_interval_lies():
    found = ranking([0, 2.0, 0.001, 0.5], [0, 3.0, 0.001, 0.1])
    assert found.verdicts == [NOTHING, OFF, NOTHING, WORTH]
    assert found.order == [3, *sorted([0, 2], key=lambda k: -found.score[k]), 1]
    assert found.kept() == ['Rotate 6']
    assert [row[0] for row in found.rows()][::3] == ['Rotate 6', 'Invert']
    assert 'gap of 0.9' in found.summary()


def test_candidate_a_little_below_nothing_is_not_called_off_the_data():
    found = ranking([0.1, 0.1, 0.1, 0.1], [0.0, 0.3, 0.6, 0.9])  # the gap is 0.9
    assert found.verdicts == [WORTH, UNCLEAR, OFF, OFF]


def test_candidate_that_cannot_be_told_apart_is_kept():
    noisy = losses(0.1, [0.3] * 4, noise=9), losses(1.0, [0.6] * 4, noise=9)
    found = Ranking(SPACE, *noisy)
    assert found.verdicts == [UNCLEAR] * 4
    assert found.kept() == [SPACE.labels[k] for k in found.order]


def test_network_without_a_gap_is_told():
    found = Ranking(SPACE, losses(1.0, [0.5] * 4), losses(0.8, [0.1] * 4))
    assert 'without a gap' in found.summary()


def test_losses_of_every_batch_are_written():
    found = ranking([0, 2.0, 0.1, 0.5], [0, 3.0, 0.1, 0.1])
    written = {c['candidate']: c for c in found.to_dict()['candidates']}
    assert list(written) == [SPACE.labels[k] for k in found.order]
    for k, label in enumerate(SPACE.labels):
        kept = written[label]['losses']
        rises = np.subtract(kept['val'], kept['val_plain'])
        assert written[label]['rise_on_val'] == pytest.approx(statistics.mean(rises))
        assert kept['train'] == found.train[1, k].tolist()
        assert kept['train_plain'] == found.train[0, k].tolist()


def test_space_text_keeps_what_is_worth_trying():
    for settings in (SETTINGS, dict(name='cifar', depth=2)):
        space = build_space(settings)
        kept = [label for label in space.labels if label.endswith('6')]
        values: dict = {}
        exec(space_text(space, settings, kept), values)
        assert build_space(values['space']).labels == kept
        assert build_space(values['space']).depth == space.depth


def test_space_refuses_to_leave_out_what_it_has_not():
    with pytest.raises(SettingError, match="without must be one .*'Rotate 5'"):
        build_space(dict(SETTINGS, without=['Rotate 5']))


def test_picture_shows_each_corner_once(tmp_path):
    found = ranking([0, 2.0, 0.1, 0.5], [0, 3.0, 0.1, 0.1])
    assert corners(found) == {
        1: 'most novel', 0: 'least novel', 3: 'highest score'
    }  # fmt: skip
    image = np.zeros((8, 8, 3), np.uint8)
    for images in (None, ImagePictures(SPACE, {'img': image}, 0)):
        draw_ranking(found, images, tmp_path / 'ranking.png')
        assert (tmp_path / 'ranking.png').read_bytes()[1:4] == b'PNG'
