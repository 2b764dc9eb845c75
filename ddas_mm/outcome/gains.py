"""What operations gain in a metric, by trainings with each and with none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from ddas_mm.errors import SettingError, check_known
from ddas_mm.policy.effects import HARMS, HELPS, UNKNOWN

LEVEL = 0.95
# Endings of the metrics by which networks are compared, in mm's evaluators.
PRIMARY = ('mAP', 'top1', 'mIoU')
LOWER = ('loss', 'error', 'mae', 'mse', 'nme')  # a lower value is better


def plain_metrics(found: Mapping[str, Any]) -> dict[str, float]:
    """Return what of an evaluation is a number."""
    return {name: float(v) for name, v in found.items() if isinstance(v, Real)}


def choose_metric(
    found: Mapping[str, float], wanted: str | None, hook: Mapping[str, Any]
) -> str:
    """Return the name of the metric that counts.

    It is what is asked for, else what the training keeps its best checkpoint by, else
    the first by which networks are usually compared, else the first.

    Args:
        found: Metrics as an evaluation gives them.
        wanted: ``--metric``, or None.
        hook: ``default_hooks.checkpoint`` of the training.

    Raises:
        SettingError: If there is none of that name.
    """
    names = list(found)
    best: Any = hook.get('save_best')
    best = best[0] if isinstance(best, (list, tuple)) and best else best
    source = '--metric' if wanted else 'default_hooks.checkpoint.save_best'
    wanted = wanted or (best if best != 'auto' else None)
    if not names:
        raise SettingError(
            'the evaluation gives no metric; is the checkpoint a trained one, of this '
            'config?'
        )
    if wanted:
        check_known(source, wanted, names)
        return wanted
    return next((name for name in names if name.endswith(PRIMARY)), names[0])


def lower_is_better(metric: str, hook: Mapping[str, Any]) -> bool:
    """Return whether a lower value of a metric is the better one.

    Args:
        metric: Its name.
        hook: ``default_hooks.checkpoint`` of the training, which may say so.
    """
    if isinstance(hook.get('rule'), str) and hook.get('save_best') == metric:
        return hook['rule'] == 'less'
    last = metric.rpartition('/')[2].lower()
    return any(key in last for key in hook.get('less_keys') or LOWER)


def estimate_gains(
    names: Sequence[str], values: NDArray[np.float64], lower: bool = False
) -> list[dict[str, Any]]:
    """Return what K operations gain in a metric, best first, with 95 % intervals.

    Trainings of one repeat share images, their order and all other chance. With a mean
    of each operation and one of each repeat, what is left is noise, taken to be alike
    for all: its variance comes of them all together (two-way analysis of variance),
    and intervals are Student's with ``K (R - 1)`` degrees of freedom. A verdict says on
    which side of zero the interval lies.

    Args:
        names: K names.
        values: (K + 1, R) metric of R repeats; the first row is without augmentation.
        lower: Whether a lower value is better.

    Returns:
        In the form of a search's effects; ``effect`` is the mean gain over none, in
        units of the metric, above zero where it helps. One repeat tells no noise:
        ``std_error``, ``low`` and ``high`` are None.
    """
    means = values.mean(axis=1)
    gains = (means[1:] - means[0]) * (-1 if lower else 1)
    left = values - means[:, None]
    left -= left.mean(axis=0)
    repeats = values.shape[1]
    freedom = len(names) * (repeats - 1)
    error = half = None
    if freedom:
        error = float(np.sqrt(2 * (left**2).sum() / freedom / repeats))
        half = error * float(student.isf((1 - LEVEL) / 2, freedom))
    found = []
    for k in np.argsort(-gains, kind='stable').tolist():
        gain, low, high, verdict = float(gains[k]), None, None, UNKNOWN
        if half is not None:
            low, high = gain - half, gain + half
            verdict = HELPS if low > 0 else HARMS if high < 0 else UNKNOWN
        found.append(
            {
                'candidate': names[k],
                'effect': gain,
                'std_error': error,
                'low': low,
                'high': high,
                'verdict': verdict,
                'values': values[k + 1].tolist(),
            }
        )
    return found


HEADER = ('with', 'metric', 'gain', 'interval', 'verdict')


def gain_rows(gains: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the cells of a table, a row per operation.

    Args:
        gains: Of :func:`estimate_gains`.
    """
    rows: list[tuple[str, ...]] = []
    for gain in gains:
        ends = '? to ?'
        if gain['low'] is not None:
            ends = f'{gain["low"]:+.3f} to {gain["high"]:+.3f}'
        metric, effect = f'{np.mean(gain["values"]):.3f}', f'{gain["effect"]:+.3f}'
        rows.append((gain['candidate'], metric, effect, ends, gain['verdict']))
    return rows
