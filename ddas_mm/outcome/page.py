"""``report.html``: what a search has found, on one page that needs no other file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from ddas_mm.files import write_atomically
from ddas_mm.outcome.charts import LineChart, Series
from ddas_mm.outcome.pictures import Gallery
from ddas_mm.policy import PolicySchedule

SHADES = 9  # steps of the heat map's colour scale


SHOWN = 6  # candidates with pictures, from either end


NEARLY_UNIFORM = 0.9  # share of all candidates that are in play, in effect


RATE_FELL = 0.2  # share of its peak: below, the policy comes to rest by the rate alone


def ranking(schedule: PolicySchedule) -> np.ndarray:
    """(K,) candidate indices by probability in the last row, best first."""
    return np.argsort(-schedule.op_probs[-1], kind='stable')


def shown_candidates(schedule: PolicySchedule) -> tuple[list[int], list[int]]:
    """Return which candidates are shown on images: the best, and the worst."""
    ranked = ranking(schedule).tolist()
    top = ranked[:SHOWN]
    return top, ranked[max(len(ranked) - SHOWN, len(top)) :]


def write_report(
    schedule: PolicySchedule,
    path: Path,
    gallery: Gallery | str,
    commands: Sequence[tuple[str, str]] = (),
) -> None:
    """Write the report atomically.

    Args:
        schedule: The policy that was found.
        path: The file to write.
        gallery: Pictures of candidates, or why there are none.
        commands: Pairs of purpose and command line, to copy.
    """
    environment = Environment(
        loader=PackageLoader('ddas_mm.outcome', ''),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template('report.html.jinja').render(
        **_found(schedule),
        candidates=_candidates(schedule),
        charts=_charts(schedule),
        rate_left=_rate_left(schedule),
        facts=_facts(schedule),
        epochs=len(schedule),
        peak=float(schedule.op_probs.max()),
        shades=SHADES,
        gallery=gallery if isinstance(gallery, Gallery) else None,
        no_gallery=gallery if isinstance(gallery, str) else '',
        labels=schedule.space.labels,
        sections=_sections(schedule),
        commands=commands,
    )
    write_atomically(path, page)


def _found(schedule: PolicySchedule) -> dict[str, Any]:
    """Return the headline figures."""
    entropy = _entropy(schedule)[-1]
    effective, size = math.exp(entropy), len(schedule.space)
    record = schedule.search
    name = Path(record['config']).stem if record.get('config') else 'search'
    return {
        'name': name,
        'total_prob': float(schedule.total_prob[-1]),
        'first_total_prob': float(schedule.total_prob[0]),
        'top': schedule.top(-1, 3),
        'effective': effective,
        'size': size,
        'nearly_uniform': size > 1 and effective > NEARLY_UNIFORM * size,
        'cost': _cost(record),
    }


def _candidates(schedule: PolicySchedule) -> list[dict[str, Any]]:
    """Return the rows of the ranked bars and of the heat map."""
    probs, ranked = schedule.op_probs, ranking(schedule)
    peak = probs.max()
    # The square root tells small probabilities apart, where most candidates are.
    shade = np.minimum((np.sqrt(probs / peak) * SHADES).astype(int), SHADES - 1)
    return [
        {
            'label': schedule.space.labels[k],
            'prob': float(probs[-1, k]),
            'probs': probs[:, k].tolist(),
            'shades': shade[:, k].tolist(),
        }
        for k in ranked.tolist()
    ]


def _entropy(schedule: PolicySchedule) -> np.ndarray:
    """(T,) entropy of p_o in nats."""
    probs = schedule.op_probs
    return -(probs * np.log(np.where(probs > 0, probs, 1))).sum(axis=1)


def _charts(schedule: PolicySchedule) -> list[LineChart]:
    raw, smooth = schedule.total_prob_raw.tolist(), schedule.total_prob.tolist()
    charts = [
        LineChart(
            'Total probability p_tp',
            'How often an image is augmented at all.',
            [Series('as searched', raw, 'dots'), Series('smoothed', smooth)],
            span=0.1,
        ),
        LineChart(
            'Entropy of p_o',
            'In nats. It falls as p_o leaves the uniform policy.',
            [Series('entropy', _entropy(schedule).tolist())],
            ('uniform', math.log(len(schedule.space))),
            span=0.05,
        ),
    ]
    history = schedule.search.get('history') or {}
    if not history:
        return charts
    return [
        *charts,
        LineChart(
            'Alignment signal',
            'Mean of |d_l| / learning rate: how much the choice of a policy matters '
            'to the loss on S_val.',
            [Series('mean |d_l| / rate', history['alignment'])],
            bottom=0,
        ),
        LineChart(
            'Policies that helped',
            'Share of the sampled policies that were better for S_val than no '
            'augmentation.',
            [Series('share with d_l < 0', history['helped'])],
            ('half', 0.5),
            span=0.1,
        ),
        LineChart(
            'Skipped steps',
            'Numbers that were not finite, or policies that changed nothing'
            f'{"." if any(history["skipped_steps"]) else ": there were none."}',
            [Series('skipped', history['skipped_steps'], 'bars')],
            span=4,
            bottom=0,
        ),
    ]


def _rate_left(schedule: PolicySchedule) -> float | None:
    """Share of the network's learning rate that was left at the end, if it fell."""
    rates = (schedule.search.get('history') or {}).get('learning_rate') or [0.0]
    fell = rates[-1] < RATE_FELL * max(rates)
    return rates[-1] / max(rates) if fell else None


def _facts(schedule: PolicySchedule) -> list[tuple[str, str]]:
    """Return what was searched and at what cost, as far as it is recorded."""
    record, space = schedule.search, schedule.space
    steps, seconds = record.get('steps'), record.get('seconds')
    speed = f' ({steps / seconds:.2f} steps/s)' if steps and seconds else ''
    versions = record.get('versions') or {}
    facts = [
        ('Config', record.get('config')),
        ('Date', record.get('date')),
        ('Candidates K', f'{len(space)} of table {space.table}'),
        ('Operations per policy N_o', space.depth),
        ('Policies per step L', record.get('num_policies')),
        ('Images in S_train', record.get('num_train')),
        ('Images in S_val', record.get('num_val')),
        ('Epochs', len(schedule)),
        ('Steps', None if steps is None else f'{steps:,}{speed}'),
        ('Skipped steps', record.get('skipped_steps')),
        ('Time', None if seconds is None else _duration(seconds)),
        ('GPU hours', record.get('gpu_hours') or None),
        ('Device', record.get('device')),
        ('Processes', record.get('world_size')),
        ('Seed', record.get('seed')),
        ('Versions', ', '.join(f'{k} {v}' for k, v in versions.items()) or None),
    ]
    return [(name, str(value)) for name, value in facts if value is not None]


def _cost(record: dict[str, Any]) -> str:
    if record.get('gpu_hours'):
        return f'{record["gpu_hours"]:.3g} GPU hours'
    return _duration(record['seconds']) if record.get('seconds') else 'not recorded'


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f'{seconds:.0f} s'
    hours, minutes = divmod(round(seconds / 60), 60)
    return f'{hours} h {minutes} min' if hours else f'{minutes} min'


def _sections(schedule: PolicySchedule) -> list[tuple[str, list[tuple[int, str]]]]:
    """Return headings, and index and caption of the candidates shown below each."""
    place = {k: i for i, k in enumerate(ranking(schedule).tolist(), 1)}
    top, bottom = shown_candidates(schedule)

    def captions(indices: list[int]) -> list[tuple[int, str]]:
        probs = schedule.op_probs[-1]
        return [(k, f'No. {place[k]}, p_o {probs[k]:.4f}') for k in indices]

    sections = [
        ('Most probable', captions(top)),
        ('Least probable', captions(bottom)),
    ]
    return [section for section in sections if section[1]]
