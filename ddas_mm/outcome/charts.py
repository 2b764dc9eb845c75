"""Geometry of the report's line charts; the template draws them as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import MaxNLocator

WIDTH, HEIGHT = 360, 210  # user units, about pixels on a phone


LEFT, RIGHT, TOP, BOTTOM = 50, 12, 12, 40  # margins that hold labels


TICKS = 5


@dataclass(frozen=True)
class Series:
    """One row of values over search epochs.

    Attributes:
        name: What the legend says.
        values: (T,) values.
        style: 'line', 'dots' or 'bars'.
    """

    name: str
    values: Sequence[float]
    style: str = 'line'


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: its place in user units, and its text."""

    place: float
    text: str


class LineChart:
    """Series over search epochs 1 .. T, in user units of an SVG.

    Args:
        title: Heading of the chart.
        note: What to see in it.
        series: What is drawn; all of T values.
        reference: A value to hold the series against, and its name.
        span: Least height of the range that is shown.
        bottom: Least value shown; None to follow the data.
    """

    def __init__(
        self,
        title: str,
        note: str,
        series: Sequence[Series],
        reference: tuple[str, float] | None = None,
        span: float = 0.0,
        bottom: float | None = None,
    ) -> None:
        self.title, self.note, self.series = title, note, series
        self.width, self.height = WIDTH, HEIGHT
        self.left, self.right = LEFT, WIDTH - RIGHT
        self.top, self.bottom = TOP, HEIGHT - BOTTOM
        self.epochs = len(series[0].values)
        self.y_ticks = self._scale(reference, span, bottom)
        self.x_ticks = self._epoch_ticks()
        self.reference = reference and Tick(self.y(reference[1]), reference[0])

    def x(self, epoch: float) -> float:
        """Place of an epoch, counted from 1."""
        share = (epoch - 0.5) / self.epochs
        return round(self.left + share * (self.right - self.left), 1)

    def y(self, value: float) -> float:
        """Place of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.bottom - share * (self.bottom - self.top), 1)

    def points(self, series: Series) -> list[tuple[float, float, str]]:
        """Return place and description of every value of a series."""
        return [
            (self.x(epoch), self.y(value), f'epoch {epoch}: {value:.4g}')
            for epoch, value in enumerate(series.values, 1)
        ]

    @property
    def summary(self) -> str:
        """The chart in words, for those who cannot see it."""
        parts = [
            f'{one.name} from {one.values[0]:.4g} in epoch 1 to '
            f'{one.values[-1]:.4g} in epoch {self.epochs}'
            for one in self.series
        ]
        return f'{self.title}: ' + '; '.join(parts)

    def _scale(
        self, reference: tuple[str, float] | None, span: float, bottom: float | None
    ) -> list[Tick]:
        """Choose the range of values, from tick to tick; return the ticks."""
        values = np.concatenate([np.asarray(one.values, float) for one in self.series])
        if reference is not None:
            values = np.append(values, reference[1])
        low, high = values.min(), values.max()
        # A row of equal values still needs a range.
        missing = max(span, 1e-9, 1e-3 * abs(high)) - (high - low)
        if missing > 0:
            low, high = low - missing / 2, high + missing / 2
        low = low if bottom is None else bottom
        ticks = MaxNLocator(TICKS, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
        self.low, self.high = float(ticks[0]), float(ticks[-1])
        return [Tick(self.y(value), f'{value:.6g}') for value in ticks.tolist()]

    def _epoch_ticks(self) -> list[Tick]:
        locator = MaxNLocator(TICKS + 1, integer=True)
        ticks = locator.tick_values(1, max(self.epochs, 2)).round().astype(int)
        inside = sorted({1, self.epochs, *ticks[(ticks > 1) & (ticks < self.epochs)]})
        # The last epoch is always named; its neighbour not, where they would touch.
        if len(inside) > 2 and self.x(inside[-1]) - self.x(inside[-2]) < 20:
            del inside[-2]
        return [Tick(self.x(epoch), str(epoch)) for epoch in inside]
