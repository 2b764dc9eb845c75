"""Curves of p_tp (paper Fig. 5) and p_o (paper Fig. 4) as PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ddas_mm.core import PolicySchedule

# Okabe and Ito's colours, which the colour-blind can tell apart.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9')
NUM_NAMED = len(COLOURS)


def plot_policy(schedule: PolicySchedule, folder: Path) -> list[Path]:
    """Draw ``total_prob.png`` and ``op_probs.png`` of a policy.

    Args:
        schedule: The policy.
        folder: Where to write.

    Returns:
        The two files.
    """
    figures = {
        'total_prob.png': total_prob_figure(schedule),
        'op_probs.png': op_probs_figure(schedule),
    }
    for name, figure in figures.items():
        FigureCanvasAgg(figure).print_png(folder / name)
    return [folder / name for name in figures]


def total_prob_figure(schedule: PolicySchedule) -> Figure:
    """Return p_tp over search epochs, as searched and smoothed."""
    figure, axes, epochs = _axes(schedule, 'Total probability $p_{tp}$')
    axes.plot(epochs, schedule.total_prob_raw, 'o', color='0.6', label='as searched')
    axes.plot(epochs, schedule.total_prob, '-', color=COLOURS[0], label='smoothed')
    axes.set_ylim(0, 1)
    axes.legend(frameon=False)
    return figure


def op_probs_figure(schedule: PolicySchedule) -> Figure:
    """Return p_o over search epochs; the last row's best candidates are named."""
    figure, axes, epochs = _axes(schedule, 'Operation probability $p_o$')
    best = np.argsort(-schedule.op_probs[-1], kind='stable')
    named, others = best[:NUM_NAMED], best[NUM_NAMED:]
    if len(others):
        axes.plot(epochs, schedule.op_probs[:, others], color='0.85', linewidth=0.8)
        axes.plot([], [], color='0.85', label=f'{len(others)} others')
    for colour, index in zip(COLOURS, named, strict=False):
        axes.plot(
            epochs,
            schedule.op_probs[:, index],
            color=colour,
            marker='o',
            markersize=3,
            label=schedule.space.labels[index],
        )
    axes.axhline(1 / len(schedule.space), color='0.3', linewidth=0.8, linestyle=':')
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc='center left', bbox_to_anchor=(1, 0.5))
    return figure


def _axes(schedule: PolicySchedule, label: str):
    figure = Figure(figsize=(7, 4), dpi=120, layout='constrained')
    axes = figure.add_subplot()
    axes.set_xlabel('Search epoch')
    axes.set_ylabel(label)
    axes.spines[['top', 'right']].set_visible(False)
    axes.xaxis.get_major_locator().set_params(integer=True)
    return figure, axes, np.arange(1, len(schedule) + 1)
