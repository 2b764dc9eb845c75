"""Charts over search epochs, and effects: for the report's page, as PNG, on axes."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ddas_mm.policy import PolicySchedule
from ddas_mm.policy.effects import HARMS, HELPS, ROUNDING, UNKNOWN

# Okabe and Ito's colours, which the colour-blind can tell apart.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9')
PAGE_SIZE = (5, 3)  # inches, that is 360 x 216 user units: about pixels on a phone
# Texts stay texts, and equal marks of two charts on a page have equal names.
SVG_STYLE: Any = {'svg.fonttype': 'none', 'svg.hashsalt': 'ddas', 'font.size': 12}
# The page's own colours, which follow its light or dark mode.
PAGE_COLOURS = {COLOURS[0].lower(): 'var(--line)', '#000000': 'currentColor'}


@dataclass(frozen=True)
class Chart:
    """Rows of values over search epochs 1 .. T.

    Attributes:
        series: (T,) values by name; the last is a line, those before it are dots.
        reference: A value to hold the series against, and its name.
        span: Least height of the range that is shown.
        bottom: Least value shown; None to follow the data.
    """

    series: Mapping[str, Any]
    reference: tuple[str, float] | None = None
    span: float = 0.0
    bottom: float | None = None

    def draw(self, axes: Axes) -> None:
        """Draw the series; more than one are named in a legend."""
        *dots, line = self.series.items()
        epochs = _epochs(axes, len(np.asarray(line[1])))
        for name, values in dots:
            axes.plot(epochs, values, 'o', color=COLOURS[1], mfc='none', label=name)
        axes.plot(epochs, line[1], 'o-', color=COLOURS[0], ms=3, label=line[0])
        if self.reference is not None:
            name, value = self.reference
            axes.axhline(value, color='0.5', linestyle='--', label=name)
        low, high = axes.get_ylim()
        missing = max(self.span - (high - low), 0) / 2
        axes.set_ylim(low - missing, high + missing)
        axes.set_ylim(bottom=self.bottom)
        if len(axes.lines) > 1:
            axes.legend(frameon=False)

    @property
    def svg(self) -> str:
        """The chart for a page."""
        return page_svg(self.draw, PAGE_SIZE)

    @property
    def summary(self) -> str:
        """The chart in words, for those who cannot see it."""
        return '; '.join(
            f'{name} from {values[0]:.4g} in epoch 1 to {values[-1]:.4g} '
            f'in epoch {len(values)}'
            for name, values in self.series.items()
        )


def total_prob_chart(schedule: PolicySchedule) -> Chart:
    """Return p_tp over search epochs (paper Fig. 5), as searched and smoothed."""
    values = {'as searched': schedule.total_prob_raw, 'smoothed': schedule.total_prob}
    return Chart(values, span=0.1)


def draw_total_prob(axes: Axes, schedule: PolicySchedule) -> None:
    """Draw p_tp over search epochs, as searched and smoothed."""
    total_prob_chart(schedule).draw(axes)
    axes.set_ylabel('total probability p_tp')


def draw_op_probs(
    axes: Axes, schedule: PolicySchedule, highlight: str | None = None
) -> None:
    """Draw p_o over search epochs (paper Fig. 4); the last row's best are named.

    Args:
        axes: Where to draw.
        schedule: The policy.
        highlight: Label of a candidate that is named in any case, with a thick line.
    """
    epochs = _epochs(axes, len(schedule))
    axes.set_ylabel('operation probability p_o')
    labels = schedule.space.labels
    best = sorted(schedule.ranking(), key=lambda index: labels[index] != highlight)
    named, others = best[: len(COLOURS)], best[len(COLOURS) :]
    for colour, index in zip(COLOURS, named, strict=False):
        width = 3.5 if labels[index] == highlight else 1.5
        label, values = labels[index], schedule.op_probs[:, index]
        line, *_ = axes.plot(epochs, values, 'o-', color=colour, label=label)
        line.set(linewidth=width, markersize=3)
    if others:
        grey: dict[str, Any] = {'color': '0.85', 'linewidth': 0.8, 'zorder': 1}
        axes.plot(epochs, schedule.op_probs[:, others], **grey)
        axes.plot([], [], label=f'{len(others)} others', **grey)
    uniform = 1 / len(schedule.space)
    axes.axhline(uniform, color='0.3', linewidth=0.8, linestyle=':', label='uniform')
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc='center left', bbox_to_anchor=(1, 0.5))


def plot(draw: Callable[[Axes], None], size: tuple[float, float] = (7, 4)) -> Figure:
    """Return a figure of one drawing, of a size in inches."""
    figure = Figure(figsize=size, dpi=120, layout='constrained')
    draw(figure.add_subplot())
    return figure


def page_svg(draw: Callable[[Axes], None], size: tuple[float, float]) -> str:
    """Return a drawing for a page: without a background, in the page's colours."""
    file = io.StringIO()
    unknown = dict.fromkeys(('Date', 'Creator', 'Format', 'Type'))
    with rc_context(SVG_STYLE):
        figure = plot(draw, size)
        figure.savefig(file, format='svg', transparent=True, metadata=unknown)
    outer = r'^.*?(?=<svg)| xmlns(:xlink)?=".*?"'
    text = re.sub(outer, '', file.getvalue(), flags=re.DOTALL)
    for colour, of_page in PAGE_COLOURS.items():
        text = text.replace(colour, of_page)
    return text


def plot_policy(schedule: PolicySchedule, folder: Path) -> list[Path]:
    """Draw ``total_prob.png`` and ``op_probs.png`` of a policy; return the files."""
    files = [folder / 'total_prob.png', folder / 'op_probs.png']
    for file, draw in zip(files, (draw_total_prob, draw_op_probs), strict=True):
        plot(partial(draw, schedule=schedule)).savefig(file)
    return files


def pixels(figure: Figure) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a figure."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _epochs(axes: Axes, count: int) -> np.ndarray:
    axes.set_xlabel('search epoch')
    axes.set_xlim(0.5, count + 0.5)
    axes.spines[['top', 'right']].set_visible(False)
    locator: Any = axes.xaxis.get_major_locator()
    locator.set_params(integer=True)
    return np.arange(1, count + 1)


STYLES = {HELPS: (COLOURS[0], 'o'), HARMS: (COLOURS[1], 's'), UNKNOWN: ('0.5', '.')}
ROW, REST = 0.21, 0.75  # inches: of one candidate, and of the axis


def draw_effects(
    axes: Axes, effects: Sequence[Mapping[str, Any]], what: str = 'effect'
) -> None:
    """Draw a forest plot: a row per candidate, the most helpful on top.

    Args:
        axes: Where to draw.
        effects: ``search.effects`` of a policy file. One without an interval yet has
            a row without a mark.
        what: What the horizontal axis shows.
    """
    ranked = sorted(effects, key=lambda e: e['effect'])
    known = [(i, e) for i, e in enumerate(ranked) if e['low'] is not None]
    for place, effect in known:
        colour, marker = STYLES[effect['verdict']]
        axes.hlines(place, effect['low'], effect['high'], color=colour)
        axes.plot(effect['effect'], place, marker, color=colour)
    axes.axvline(0, color='0.5', linewidth=0.8, linestyle='--')
    # An interval of few draws may go beyond: it would leave no room for the others.
    far = max([abs(e['effect']) + 2 * e['std_error'] for _, e in known], default=0)
    far = far if far > ROUNDING else 1.0
    axes.set_xlim(-far, far)
    axes.set_ylim(-0.7, len(ranked) - 0.3)
    axes.set_yticks(range(len(ranked)), [e['candidate'] for e in ranked], fontsize=10)
    axes.spines[['top', 'right', 'left']].set_visible(False)
    axes.tick_params(axis='y', length=0)
    axes.set_xlabel(f'harms   ◀   {what}   ▶   helps')


def effects_svg(effects: Sequence[Mapping[str, Any]]) -> str:
    """Return the forest plot for a page."""
    size = 5, REST + ROW * len(effects)
    return page_svg(partial(draw_effects, effects=effects), size)


def save_effects(effects: Sequence[Mapping[str, Any]], what: str, path: Path) -> None:
    """Draw the forest plot into a PNG, every interval whole."""
    draw = partial(draw_effects, effects=effects, what=what)
    figure = plot(draw, (6, REST + ROW * len(effects)))
    ends = [abs(e[end]) for e in effects for end in ('low', 'high') if e[end]]
    far = max(ends, default=1) * 1.05
    figure.axes[0].set_xlim(-far, far)
    figure.savefig(path)
