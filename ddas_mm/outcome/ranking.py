"""Candidates ranked by what a trained network makes of them: score, table, picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ddas_mm.outcome.pictures import ImagePictures, draw_picture
from ddas_mm.outcome.plots import COLOURS
from ddas_mm.policy import SearchSpace

COST = 0.5  # of the rise on S_val, measured: docs/rank_augmentations.md
DRAWS = 1000  # of mini-batches, for the intervals
LEVEL = 0.95
SMALL = 0.05  # of the gap between S_val and S_train: a change that is none
MARGIN = 0.1  # of the gap: scores so little below 0 were seen of what does help
WORTH, NOTHING, OFF = 'worth trying', 'does nothing', 'off the data'
UNCLEAR = 'not told apart'
LOSSES = ('train_plain', 'train', 'val_plain', 'val')
MARKS = {WORTH: 'o', UNCLEAR: 'D', NOTHING: 's', OFF: 'X'}


def score(train: np.ndarray, val: np.ndarray) -> np.ndarray:
    """Return what candidates promise, by losses of a network that is trained.

    A candidate is worth as much as it makes the training images harder, up to what
    images are that the network has not seen, less the rise on those: that comes of
    images which are not of the data any more. No augmentation has zero. After the
    affinity and diversity of Gontijo-Lopes et al. (2020).

    Args:
        train: (2, ...) mean loss of the training images, plain and augmented.
        val: (2, ...) the same of S_val.
    """
    novelty = np.minimum(train[1], val[0]) - np.minimum(train[0], val[0])
    return novelty - COST * (val[1] - val[0])


@dataclass(frozen=True)
class Ranking:
    """Candidates by the losses of a trained network.

    Attributes:
        space: The K candidates.
        train: (2, K, M) losses of M mini-batches of S_train, plain and augmented.
        val: (2, K, M') the same of S_val.
        seed: Seed of the bootstrap.
    """

    space: SearchSpace
    train: np.ndarray
    val: np.ndarray
    seed: int = 0

    @property
    def novelty(self) -> np.ndarray:
        """(K,) rise of the loss on training images."""
        return np.diff(self.train.mean(axis=-1), axis=0)[0]

    @property
    def rise(self) -> np.ndarray:
        """(K,) rise of the loss on S_val; a candidate of high affinity has none."""
        return np.diff(self.val.mean(axis=-1), axis=0)[0]

    @property
    def gap(self) -> float:
        """How much higher the loss on S_val is than on S_train."""
        return float(self.val[0].mean() - self.train[0].mean())

    @cached_property
    def score(self) -> np.ndarray:
        """(K,) see :func:`score`."""
        return score(self.train.mean(axis=-1), self.val.mean(axis=-1))

    @cached_property
    def interval(self) -> np.ndarray:
        """(2, K) 95 % interval of the score, by drawing mini-batches again."""
        rng = np.random.default_rng(self.seed)
        drawn = []
        for losses in (self.train, self.val):
            number = losses.shape[-1]
            counts = rng.multinomial(number, np.full(number, 1 / number), size=DRAWS)
            drawn.append(losses @ counts.T / number)
        tails = (1 - LEVEL) / 2, (1 + LEVEL) / 2
        return np.quantile(score(*drawn), tails, axis=-1)

    @cached_property
    def order(self) -> list[int]:
        """Candidates, best first."""
        return np.argsort(-self.score, kind='stable').tolist()

    @cached_property
    def verdicts(self) -> list[str]:
        """What to do with each candidate."""
        gap, (low, high) = max(self.gap, 0), self.interval
        changes = np.maximum(np.abs(self.novelty), np.abs(self.rise))
        cases = changes <= SMALL * gap, high < -MARGIN * gap, low > 0
        return np.select(cases, (NOTHING, OFF, WORTH), UNCLEAR).tolist()

    def to_dict(self) -> dict[str, Any]:
        """Return it all as plain values, the losses of every mini-batch included."""
        low, high = self.interval
        names = ('rise_on_val', 'novelty', 'score', 'low', 'high')
        values = (self.rise, self.novelty, self.score, low, high)

        def losses(k: int) -> list[list[float]]:
            return [*self.train[:, k].tolist(), *self.val[:, k].tolist()]

        return {
            'table': self.space.table,
            'constants': self.space.constants,
            'loss': {
                'train': float(self.train[0].mean()),
                'val': float(self.val[0].mean()),
            },
            'candidates': [
                {
                    'candidate': self.space.labels[k],
                    'verdict': self.verdicts[k],
                    **{n: float(v[k]) for n, v in zip(names, values, strict=True)},
                    'losses': dict(zip(LOSSES, losses(k), strict=True)),
                }
                for k in self.order
            ],
        }

    def rows(self) -> list[tuple[str, ...]]:
        """Return the cells of a table, a row per candidate, best first."""
        low, high = self.interval
        return [
            (
                self.space.labels[k],
                f'{self.rise[k]:+.3f}',
                f'{self.novelty[k]:+.3f}',
                f'{self.score[k]:+.3f}',
                f'{low[k]:+.3f} to {high[k]:+.3f}',
                self.verdicts[k],
            )
            for k in self.order
        ]

    def kept(self) -> list[str]:
        """Return the names of candidates that may help, best first."""
        good = (WORTH, UNCLEAR)
        return [self.space.labels[k] for k in self.order if self.verdicts[k] in good]

    def summary(self) -> str:
        """Return what there is to gain, in words."""
        train, val = self.train[0].mean(), self.val[0].mean()
        told = f'loss {train:.3f} on S_train and {val:.3f} on S_val'
        if self.gap > 0:
            return f'{told}, as they are: a gap of {self.gap:.3f}'
        return (
            f'{told}: without a gap no candidate can be told to help; was the '
            'checkpoint trained on S_val, or hardly trained at all?'
        )


HEADER = ('candidate', 'rise on S_val', 'novelty', 'score', 'interval', 'verdict')
SHOWN = 4  # candidates whose names and pictures are shown


def corners(ranking: Ranking) -> dict[int, str]:
    """Return the candidates at the corners of the picture, and what each is."""
    found = {
        'highest score': ranking.order[0],
        'most novel': int(np.argmax(ranking.novelty)),
        'least novel': int(np.argmin(np.abs(ranking.novelty))),
        'farthest off the data': int(np.argmax(ranking.rise)),
    }
    return {k: what for what, k in reversed(found.items())}  # each once


def draw_ranking(ranking: Ranking, images: ImagePictures | None, path: Path) -> None:
    """Draw novelty over the rise on S_val, and an image after the extreme candidates.

    Args:
        ranking: What is drawn.
        images: The image; None for none.
        path: The PNG to write.
    """
    named = corners(ranking)
    figure = Figure(figsize=(7.2, 6.6), dpi=120, layout='constrained')
    upper, lower = figure.subfigures(2, squeeze=False, height_ratios=(2.2, 1)).flat
    axes = upper.add_subplot()
    verdicts = np.array(ranking.verdicts)
    for (verdict, mark), colour in zip(MARKS.items(), COLOURS, strict=False):
        there = verdicts == verdict
        label = f'{verdict} ({there.sum()})'
        places = ranking.rise[there], ranking.novelty[there]
        axes.scatter(*places, color=colour, marker=mark, label=label, alpha=0.8)
    line = {'color': '0.5', 'linestyle': '--', 'linewidth': 0.8}
    axes.axhline(ranking.gap, label='gap: harder counts no more', **line)
    for k in {*named, *ranking.order[:SHOWN], *ranking.order[-SHOWN:]}:
        place = ranking.rise[k], ranking.novelty[k]
        offset = {'xytext': (4, 3), 'textcoords': 'offset points'}
        axes.annotate(ranking.space.labels[k], place, fontsize=7, **offset)
    axes.set_xlabel('rise of the loss on S_val (off the data to the right)')
    axes.set_ylabel('novelty: rise of the loss on training images')
    axes.spines[['top', 'right']].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    if images is not None:
        pictures = [images.original(), *map(images.candidate, named)]
        titles = ['the image', *named.values()]
        shown = zip(lower.subplots(1, len(pictures)), pictures, titles, strict=True)
        for place, picture, title in shown:
            draw_picture(place, picture)
            place.set_title(f'{title}\n{picture.title}', fontsize=7)
    figure.savefig(path)


def space_text(space: SearchSpace, settings: Any, kept: Sequence[str]) -> str:
    """Return ``space=dict(...)`` with some of a space's candidates.

    Args:
        space: The space that was ranked.
        settings: ``train_cfg.space`` of it.
        kept: Names of the candidates to keep.
    """
    out = [label for label in space.labels if label not in kept]
    values = {**settings, 'without': [*settings.get('without', ()), *out]}
    return f'space = dict({", ".join(f"{k}={v!r}" for k, v in values.items())})\n'
