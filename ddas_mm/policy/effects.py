"""What each candidate did to the loss on S_val: effects with intervals.

A search keeps policies and alignments of its steps. With ``r = -d_l / mean_l |d_l|``,
positive where a policy helped and of size one whatever the learning rate, the least
squares fit ``r = sum_k n_k beta_k`` (``n_k``: how often k is in the policy; r = 0 is no
augmentation) gives the mean effect ``beta_k`` of each.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from ddas_mm.policy.schedule import PolicySchedule

Floats = NDArray[np.float64]
HELPS, HARMS, UNKNOWN = 'helps', 'harms', 'not told apart'
EMITTED = {  # which candidates are emitted, by DDASHook.emit
    'learned': (HELPS, HARMS, UNKNOWN),
    'without_harmful': (HELPS, UNKNOWN),
    'helpful': (HELPS,),
}
SETTLED = 0.7  # of ``agreement``: pairs of real searches below agreed by 0.46 to 0.71
ROUNDING = 1e-9  # of effects and leverages, which are of size one


@dataclass(frozen=True)
class Effects:
    """The effects of K candidates, compared with no augmentation.

    Attributes:
        steps: T, the steps that they are estimated from.
        mean: (K,) mean effect of one draw; above zero it helps.
        std_error: (K,) its standard error, infinite where nothing is known.
        low: (K,) lower end of the interval of ``1 - alpha``.
        high: (K,) its upper end.
        shrunk: (K,) ``mean``, drawn to the other levels of the same operation.
        draws: (K,) how often each was drawn.
        p_value: (K,) that it has no effect, after Holm's correction.
        verdict: K times ``'helps'``, ``'harms'`` or ``'not told apart'``.
        steps_needed: (K,) about how many steps more would tell, were the effect as
            large as it looks; infinite where none would, or it is told.
        thirds: The same of the early, the middle and the late third of the steps.
    """

    steps: int
    mean: Floats
    std_error: Floats
    low: Floats
    high: Floats
    shrunk: Floats
    draws: NDArray[np.int64]
    p_value: Floats
    verdict: list[str]
    steps_needed: Floats
    thirds: tuple['Effects', ...] = ()


def estimate_effects(
    policies: NDArray[np.int64],
    alignments: Floats,
    num_candidates: int,
    alpha: float = 0.05,
    operations: Sequence[Hashable] | None = None,
) -> Effects:
    """Estimate effects from the whole search and from its thirds.

    The L policies of a step share images and S_val's mini-batch, and their noise: what
    is independent are steps. For a candidate of effect ``b``, with its column of the
    design freed from the others ``x`` and residuals ``u = e + x (beta - b)``, the sum
    over steps of ``(x_t . u_t)^2`` is the variance of ``x . u`` (Liang and Zeger 1986;
    with ``u`` over ``sqrt(1 - leverage of the other candidates)`` as in MacKinnon and
    White 1985). Verdicts test ``b = 0`` in this form, and intervals hold every ``b``
    that passes: unlike Wald's test, it keeps its level with a dozen draws.

    Args:
        policies: (T, L, N_o) candidate indices of each step.
        alignments: (T, L) ``d_l``, finite; steps of zeros are left out.
        num_candidates: K.
        alpha: Share of searches that may hold any wrong verdict.
        operations: K names: candidates of one name are levels of one operation. Each
            is one of its own if not given.
    """
    counted = alignments.any(axis=1)
    policies, alignments = policies[counted], alignments[counted]
    scale = np.abs(alignments).mean(axis=1, keepdims=True)
    response = -alignments / scale
    names = range(num_candidates) if operations is None else operations
    counts = _counts(policies, num_candidates)
    parts = zip(np.array_split(counts, 3), np.array_split(response, 3), strict=True)
    thirds = [_estimate(*part, alpha, names) for part in parts]
    whole = _estimate(counts, response, alpha, names)
    return replace(whole, thirds=tuple(thirds))


def _counts(policies: NDArray[np.int64], num_candidates: int) -> Floats:
    """(T, L, K) how often each policy holds each candidate."""
    is_drawn = policies[..., None] == np.arange(num_candidates)
    return np.asarray(is_drawn.sum(axis=2), np.float64)


def _estimate(
    counts: Floats, response: Floats, alpha: float, operations: Sequence[Hashable]
) -> Effects:
    size = counts.shape[-1]
    gram = np.tensordot(counts, counts, ((0, 1), (0, 1)))
    inverse = np.linalg.pinv(gram, hermitian=True)
    mean = inverse @ np.tensordot(counts, response, ((0, 1), (0, 1)))
    mean[np.abs(mean) < ROUNDING] = 0
    # Without draws, or always drawn with the same others: not to be told.
    known = np.diag(inverse @ gram) > 1 - ROUNDING
    residual, change = _scores(counts, response - counts @ mean, inverse)
    square, share = (residual**2).sum(axis=0), (change**2).sum(axis=0)
    mixed = (residual * change).sum(axis=0)
    null = np.sqrt(np.maximum(square + 2 * mean * mixed + mean**2 * share, 0))
    ratio = np.divide(
        np.abs(mean), null, out=np.zeros(size), where=known & (null > ROUNDING)
    )
    p_value = _holm(2 * norm.sf(ratio))
    told = p_value < alpha
    quantile = norm.isf(alpha / 2) ** 2
    lead = np.where(known, 1 - quantile * share, 0)
    centre = quantile * mixed
    spread = np.sqrt(centre**2 + np.maximum(lead, 0) * quantile * square)
    with np.errstate(divide='ignore', invalid='ignore'):
        low, high = mean - (centre + spread) / lead, mean - (centre - spread) / lead
        std_error = np.sqrt(square / (1 - share))
        sigmas = norm.isf(alpha / 2 / max(int(np.sum(~told)), 1))
        needed = sigmas * std_error / np.abs(mean)
    low[lead <= 0], high[lead <= 0] = -np.inf, np.inf
    std_error[~known | (share >= 1)] = np.inf
    more = np.ceil(np.maximum(len(counts) * (needed**2 - 1), 1))
    return Effects(
        steps=len(counts),
        mean=mean,
        std_error=std_error,
        low=low,
        high=high,
        shrunk=shrink(mean, std_error, operations),
        draws=counts.sum(axis=(0, 1)).astype(np.int64),
        p_value=p_value,
        verdict=np.where(told, np.where(mean > 0, HELPS, HARMS), UNKNOWN).tolist(),
        steps_needed=np.where(told | ~np.isfinite(more), np.inf, more),
    )


def _scores(
    counts: Floats, residuals: Floats, inverse: Floats
) -> tuple[Floats, Floats]:
    """(T, K) ``x_t . e_t`` and ``x_t . x_t`` of every step, for ``x . x`` of one."""
    columns = counts @ inverse
    length = np.maximum((columns**2).sum(axis=(0, 1)), np.finfo(float).tiny)
    leverage = (counts * columns).sum(axis=-1, keepdims=True)
    others = np.clip(leverage - columns**2 / length, 0, 1 - ROUNDING)
    weighted = columns / np.sqrt(1 - others)
    change = (weighted * columns / length).sum(axis=1)
    return np.einsum('tlk,tl->tk', weighted, residuals), change


def _holm(p_values: Floats) -> Floats:
    """Holm's (1979) correction: the share of searches with any false verdict."""
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.empty_like(p_values)
    corrected[order] = np.maximum.accumulate(p_values[order] * factors)
    return np.minimum(corrected, 1)


def shrink(mean: Floats, std_error: Floats, operations: Sequence[Hashable]) -> Floats:
    """Draw the levels of each operation to their mean (empirical Bayes).

    With errors ``s_j``, weights ``w_j = 1 / s_j^2`` and the weighted mean ``m`` of J
    levels, ``m + v / (v + s_j^2) (b_j - m)``; the variance ``v`` of true effects is
    DerSimonian and Laird's (1986), ``(sum_j w_j (b_j - m)^2 - (J - 1)) / (sum_j w_j -
    sum_j w_j^2 / sum_j w_j)``, or zero if that is negative. Closer to the truth than
    ``b_j`` on average, but not for a level that differs from the others: verdicts and
    intervals are not made of it.
    """
    shrunk = mean.copy()
    usable = (std_error > 0) & np.isfinite(std_error)
    for name in dict.fromkeys(operations):
        levels = np.flatnonzero(usable & [other == name for other in operations])
        if len(levels) < 2:
            continue
        effect, variance = mean[levels], std_error[levels] ** 2
        weight = 1 / variance
        centre = np.average(effect, weights=weight)
        excess = (weight * (effect - centre) ** 2).sum() - (len(levels) - 1)
        between = excess / (weight.sum() - (weight**2).sum() / weight.sum())
        share = max(between, 0) / (max(between, 0) + variance)
        shrunk[levels] = centre + share * (effect - centre)
    return shrunk


Told = Sequence[Mapping[str, Any]]  # effects as policy.json holds them


def effects_to_list(effects: Effects, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Return the effects as ``search.effects`` of ``policy.json`` holds them."""
    return [
        {
            'candidate': label,
            **_numbers(effects, k),
            'shrunk': _value(effects.shrunk[k]),
            'steps_needed': _value(effects.steps_needed[k], 2),
            'thirds': [_numbers(third, k) for third in effects.thirds],
        }
        for k, label in enumerate(labels)
    ]


def _numbers(effects: Effects, k: int) -> dict[str, Any]:
    return {
        'effect': _value(effects.mean[k]),
        'std_error': _value(effects.std_error[k]),
        'low': _value(effects.low[k]),
        'high': _value(effects.high[k]),
        'draws': int(effects.draws[k]),
        'verdict': effects.verdict[k],
    }


def _value(number: float, digits: int = 6) -> float | None:
    """A number for JSON, which has no infinity."""
    return float(f'{number:.{digits}g}') if math.isfinite(number) else None


def select_candidates(
    schedule: PolicySchedule, verdicts: Sequence[str], emit: str
) -> PolicySchedule:
    """Return the policy without the candidates that ``emit`` leaves out.

    Rows are renormalised; ``p_tp`` stays. A row of which nothing is left augments no
    image: its ``p_tp`` is zero, its ``p_o`` as it was. Where nothing is known to help,
    ``'helpful'`` leaves out what harms alone: to augment nothing costs more than to
    augment with what is not told apart (docs/evidence.md).

    Args:
        schedule: The policy as it was learned.
        verdicts: K times ``'helps'``, ``'harms'`` or ``'not told apart'``.
        emit: ``'learned'``: as it is; ``'without_harmful'``: without candidates that
            harm; ``'helpful'``: only with those that help.
    """
    if emit == 'helpful' and HELPS not in verdicts:
        emit = 'without_harmful'
    kept = np.isin(verdicts, EMITTED[emit])
    probs = schedule.op_probs * kept
    mass = probs.sum(axis=1, keepdims=True)
    if kept.all():
        return schedule
    left = mass[:, 0] > 0
    return replace(
        schedule,
        total_prob=np.where(left, schedule.total_prob, 0),
        total_prob_raw=np.where(left, schedule.total_prob_raw, 0),
        op_probs=np.divide(probs, mass, out=schedule.op_probs.copy(), where=mass > 0),
        search={**schedule.search, 'emit': emit},
    )


def verdict_line(effects: Told, names: int = 5) -> str:
    """Return in words which candidates help and harm, the clearest first.

    Args:
        effects: ``search.effects``.
        names: How many are named of each kind.
    """
    parts = []
    for verdict, verb in ((HELPS, 'help'), (HARMS, 'harm')):
        found = [e for e in effects if e['verdict'] == verdict]
        found.sort(key=lambda e: -abs(e['effect']))
        shown = ', '.join(e['candidate'] for e in found[:names])
        more = ', …' if len(found) > names else ''
        parts.append(f'{len(found)} {verb}' + (f': {shown}{more}' if found else ''))
    unknown = sum(e['verdict'] == UNKNOWN for e in effects)
    return '; '.join([*parts, f'{unknown} not told apart'])


def in_numbers(effect: Mapping[str, Any]) -> str:
    """Return one candidate's effect with its interval, e.g. ``+0.31 (+0.1 to +0.5)``.

    Args:
        effect: An item of ``search.effects``.
    """
    if effect['low'] is None:
        return f'unknown after {effect["draws"]} draws'
    return f'{effect["effect"]:+.2f} ({effect["low"]:+.2f} to {effect["high"]:+.2f})'


def agreement(effects: Told) -> float:
    """Return how far the effects of another seed would correlate with these, at most.

    It is their reliability, the share of their variance that is not due to errors:
    ``1 - mean(s_k^2) / var(b_k)``. Networks of two seeds differ, too, so that less is
    found. NaN where fewer than three are known.
    """
    known = [(e['effect'], e['std_error']) for e in effects if e.get('std_error')]
    if len(known) < 3:
        return math.nan
    effect, error = np.array(known).T
    return max(1 - float(np.mean(error**2) / np.var(effect, ddof=1)), 0)


def doubts(effects: Told) -> list[str]:
    """Return what speaks against reading much into a policy, a sentence each."""
    found = []
    shared = agreement(effects)
    if effects and all(e['verdict'] == UNKNOWN for e in effects):
        draws = sum(e['draws'] for e in effects) / len(effects)
        found.append(
            f'None of the {len(effects)} candidates is told apart from no augmentation '
            f'after {draws:.0f} draws of each: what the policy prefers may be chance. '
            'More steps, or a trained network to start from (--load-from), may tell '
            'more.'
        )
    elif shared < SETTLED:
        found.append(
            "The order of the candidates is uncertain: another seed's effects would "
            f'correlate with these by {shared:.2f} at most. What is told apart counts, '
            'not ranks; more epochs or fewer candidates settle them.'
        )
    for e in effects:
        known = e['candidate'] == 'Identity' and e['low'] is not None
        if known and not e['low'] <= 0 <= e['high']:
            found.append(
                f'Identity, which does nothing, has the effect {in_numbers(e)}: '
                'do not trust effects that are no larger.'
            )
    return found
