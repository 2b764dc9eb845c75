"""Effects of all candidates with their intervals, in one picture."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.axes import Axes

from ddas_mm.outcome.plots import COLOURS, page_svg
from ddas_mm.policy.effects import HARMS, HELPS, UNKNOWN

STYLES = {HELPS: (COLOURS[0], 'o'), HARMS: (COLOURS[1], 's'), UNKNOWN: ('0.5', '.')}
ROW, REST = 0.21, 0.75  # inches: of one candidate, and of the axis


def draw_effects(axes: Axes, effects: Sequence[Mapping[str, Any]]) -> None:
    """Draw a forest plot: a row per candidate, the most helpful on top.

    Args:
        axes: Where to draw.
        effects: ``search.effects`` of a policy file. One without an interval yet has
            a row without a mark.
    """
    ranked = sorted(effects, key=lambda e: e['effect'])
    known = [(i, e) for i, e in enumerate(ranked) if e['low'] is not None]
    for verdict, (colour, marker) in STYLES.items():
        rows = [(i, e) for i, e in known if e['verdict'] == verdict]
        if rows:
            places = [i for i, _ in rows]
            middle, low, high = (
                [e[key] for _, e in rows] for key in ('effect', 'low', 'high')
            )
            axes.hlines(places, low, high, color=colour)
            axes.plot(middle, places, marker, color=colour, label=verdict)
    axes.axvline(0, color='0.5', linewidth=0.8, linestyle='--')
    # An interval of few draws may go beyond: it would leave no room for the others.
    far = max([abs(e['effect']) + 2 * e['std_error'] for _, e in known], default=1.0)
    axes.set_xlim(-far, far)
    axes.set_ylim(-0.7, len(ranked) - 0.3)
    axes.set_yticks(range(len(ranked)), [e['candidate'] for e in ranked], fontsize=10)
    axes.spines[['top', 'right', 'left']].set_visible(False)
    axes.tick_params(axis='y', length=0)
    axes.set_xlabel('harms   ◀   effect   ▶   helps')


def effects_svg(effects: Sequence[Mapping[str, Any]]) -> str:
    """Return the forest plot for a page."""
    size = 5, REST + ROW * len(effects)
    return page_svg(partial(draw_effects, effects=effects), size)
