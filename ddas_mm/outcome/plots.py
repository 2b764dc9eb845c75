"""Curves of p_tp (paper Fig. 5) and p_o (paper Fig. 4)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ddas_mm.policy import PolicySchedule

# Okabe and Ito's colours, which the colour-blind can tell apart.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9')


def plot_policy(schedule: PolicySchedule, folder: Path) -> list[Path]:
    """Draw ``total_prob.png`` and ``op_probs.png`` of a policy.

    Args:
        schedule: The policy.
        folder: Where to write.

    Returns:
        The two files.
    """
    files = []
    for name, draw in (('total_prob', draw_total_prob), ('op_probs', draw_op_probs)):
        files.append(folder / f'{name}.png')
        FigureCanvasAgg(plot(draw, schedule)).print_png(files[-1])
    return files


def plot(
    draw: Callable[[Axes, PolicySchedule], None], schedule: PolicySchedule
) -> Figure:
    """Return a figure of one drawing."""
    figure = Figure(figsize=(7, 4), dpi=120, layout='constrained')
    draw(figure.add_subplot(), schedule)
    return figure


def draw_total_prob(axes: Axes, schedule: PolicySchedule) -> None:
    """Draw p_tp over search epochs, as searched and smoothed."""
    epochs = _epochs(axes, schedule, 'total probability $p_{tp}$')
    axes.plot(epochs, schedule.total_prob_raw, 'o', color='0.6', label='as searched')
    axes.plot(epochs, schedule.total_prob, '-', color=COLOURS[0], label='smoothed')
    axes.set_ylim(0, 1)
    axes.legend(frameon=False)


def draw_op_probs(
    axes: Axes, schedule: PolicySchedule, highlight: str | None = None
) -> None:
    """Draw p_o over search epochs; the last row's best candidates are named.

    Args:
        axes: Where to draw.
        schedule: The policy.
        highlight: Label of a candidate that is named in any case, with a thick line.
    """
    epochs = _epochs(axes, schedule, 'operation probability $p_o$')
    labels = schedule.space.labels
    best = np.argsort(-schedule.op_probs[-1], kind='stable')
    if highlight is not None:
        best = np.array(sorted(best, key=lambda index: labels[index] != highlight))
    named, others = best[: len(COLOURS)], best[len(COLOURS) :]
    for colour, index in zip(COLOURS, named, strict=False):
        style = {'color': colour, 'marker': 'o', 'markersize': 3}
        style |= {'linewidth': 3.5 if labels[index] == highlight else 1.5}
        style |= {'label': labels[index]}
        axes.plot(epochs, schedule.op_probs[:, index], **style)
    if len(others):
        grey = {'color': '0.85', 'linewidth': 0.8, 'zorder': 1}
        axes.plot(epochs, schedule.op_probs[:, others], **grey)
        axes.plot([], [], label=f'{len(others)} others', **grey)
    uniform = 1 / len(schedule.space)
    axes.axhline(uniform, color='0.3', linewidth=0.8, linestyle=':', label='uniform')
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc='center left', bbox_to_anchor=(1, 0.5))


def _epochs(axes: Axes, schedule: PolicySchedule, label: str) -> np.ndarray:
    axes.set_xlabel('search epoch')
    axes.set_ylabel(label)
    axes.spines[['top', 'right']].set_visible(False)
    axes.xaxis.get_major_locator().set_params(integer=True)
    return np.arange(1, len(schedule) + 1)
