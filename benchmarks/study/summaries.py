"""What the tables of the study are made of: groups of results, intervals, figures."""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools/analysis_tools'))

import numpy as np
from compare import summarise
from matplotlib.figure import Figure
from scipy import stats

Result = dict[str, Any]
Values = dict[int, float]  # of seeds, searches of one seed averaged


def grouped(
    results: Iterable[Result], key: Callable[[Result], Any]
) -> dict[Any, list[Result]]:
    """Return results by what ``key`` says of them."""
    groups = defaultdict(list)
    for result in results:
        groups[key(result)].append(result)
    return dict(groups)


def by_seed(results: Sequence[Result], metric: str) -> Values:
    """Return the mean of each seed."""
    seeds = grouped(results, lambda r: r['seed'])
    return {s: float(np.mean([r[metric] for r in found])) for s, found in seeds.items()}


def interval(numbers: Sequence[float], digits: int, sign: str = '') -> str:
    """Return mean and 95 % interval as text."""
    mean, low, high = summarise(numbers)
    text = f'{mean:{sign}.{digits}f}'
    if np.isnan(low):
        return text
    return f'{text} ({low:{sign}.{digits}f} to {high:{sign}.{digits}f})'


def welch(first: Sequence[float], second: Sequence[float], digits: int) -> str:
    """Return the difference of two means, and its 95 % interval if not paired."""
    if min(len(first), len(second)) < 2:
        return ''
    found = stats.ttest_ind(first, second, equal_var=False)
    low, high = found.confidence_interval()
    mean = np.mean(first) - np.mean(second)
    return f'{mean:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})'


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, the first row its head."""
    lines = [rows[0], ['---', *['--:'] * (len(rows[0]) - 1)], *rows[1:]]
    return ''.join(f'| {" | ".join(cells)} |\n' for cells in lines)


def new_figure(width: float, height: float) -> tuple[Figure, Any]:
    """Return a figure and its axes."""
    figure = Figure(figsize=(width, height), dpi=110, layout='constrained')
    axes = figure.subplots()
    axes.spines[['top', 'right']].set_visible(False)
    return figure, axes


def cost(results: Sequence[Result]) -> str:
    """Return a sentence on jobs, time and devices."""
    hours = sum(r['seconds'] for r in results) / 3600
    devices = ', '.join(sorted({r['device'] for r in results}))
    return f'{len(results)} jobs, {hours:.2f} job-hours ({devices}).\n'


def searches(results: list[Result]) -> str:
    """Return a table of what searches found, or nothing."""
    head = ['search', 'seed', 'p_tp', 'entropy / log K', 'most probable']
    rows = [[*head, 'helps, harms']]
    for r in results:
        if r['kind'].endswith('search'):
            order = np.argsort(-np.array(r['op_probs']))[:3]
            top = (f'{r["candidates"][k]} {r["op_probs"][k]:.2f}' for k in order)
            share = r['entropy'][-1] / np.log(len(r['candidates']))
            told = Counter(effect['verdict'] for effect in r['effects'])
            what = (r['tags'].get(key) for key in ('shift', 'images'))
            words = [str(word) for word in what if word]
            words += r['tags'].get('method', '').split(', ')[1:]
            row = [', '.join(words), str(r['seed'])]
            row += [f'{r["total_prob"][-1]:.2f}', f'{share:.3f}', ', '.join(top)]
            rows.append(
                [*row, f'{told["helps"]}, {told["harms"]} of {len(r["effects"])}']
            )
    return table(rows) + '\n' if len(rows) > 1 else ''
