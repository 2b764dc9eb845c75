"""Part D's tables: does what an instrument says of operations go with their gain?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path

import numpy as np
from compare import differences
from scipy import stats
from summaries import Result, by_seed, cost, grouped, interval, new_figure, table

METRICS = {'loss': -1, 'accuracy': 1, 'mAP': 1}  # name: is more of it better?
PLACES = {'loss': 2, 'accuracy': 1, 'mAP': 1}  # behind the point
FIRST = 4  # operations of a ranking that somebody would take


def instruments(results: list[Result]) -> dict[str, dict[str, list[float]]]:
    """Return what each instrument of part D says of each candidate, a value a run."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def add(name: str, op: str, value: float | None) -> None:
        if value is not None:
            found[name][op].append(value)

    tuned = grouped(
        [r for r in results if r['tags']['what'].startswith('fine-tuning')],
        lambda r: (r['tags']['what'], r['seed']),
    )
    for (what, _), runs in tuned.items():
        found_by = {r['tags']['op']: r for r in runs}
        plain = found_by.pop('none', None)
        for op, r in found_by.items() if plain else ():
            for (metric, sign), settled in product(METRICS.items(), ('', '_settled')):
                if (key := metric + settled) in r:
                    told = f'{what}, {metric} on S_val' + settled.replace('_', ', ')
                    add(told, op, sign * (r[key] - plain[key]))
    for r in results:
        what = r['tags']['what']
        if r['kind'].endswith('search'):
            for label, prob in zip(r['candidates'], r['op_probs'], strict=True):
                add(f'p_o, {what}', label.split()[0], prob)
            for effect in r['effects']:
                op = effect['candidate'].split()[0]
                add(f'effects, {what}', op, effect['effect'])
                for third, name in zip(
                    effect['thirds'], ('early', 'middle', 'late'), strict=True
                ):
                    value = third['effect'] if isinstance(third, dict) else third
                    add(f'effects, {name} third, {what}', op, value)
        if r['kind'].endswith('rank'):
            for c in r['ranking']:
                op = c['candidate'].split()[0]
                name = f'affinity and novelty, {what} statistics'
                add(name, op, c['score'])
    return found


def real_gains(
    truth: Sequence[Result], metric: str, sign: int
) -> dict[str, list[float]]:
    """Return what each operation alone gains on test images, a value per seed."""
    seeds = [
        {r['tags']['op']: sign * r[metric] for r in runs}
        for runs in grouped(truth, lambda r: r['seed']).values()
    ]
    ops = list(seeds[0])[1:]
    whole = [values for values in seeds if values.keys() >= {'none', *ops}]
    return {op: [values[op] - values['none'] for values in whole] for op in ops}


def spearman(said: Sequence[float], gains: Sequence[float]) -> list[float]:
    """Return the rank correlation and its 95 % interval (Bonett and Wright, 2000)."""
    rho = stats.spearmanr(said, gains)[0]
    half = 1.96 * np.sqrt((1 + rho**2 / 2) / (len(gains) - 3))
    return np.tanh(np.arctanh(rho) + half * np.array([0, -1, 1])).tolist()


def _between(rho: float, low: float, high: float) -> str:
    return f'{rho:.2f} ({low:.2f} to {high:.2f})'


def ranking(results: list[Result], picture: Path) -> str:
    """Part D: rank correlations with the real gain, in accuracy and loss or in mAP."""
    results = [
        r | {name: 100 * r[name] for name in r.keys() & {'mAP', 'mAP_settled'}}
        for r in results
    ]
    truth = [r for r in results if r['tags']['what'] == 'truth']
    main = 'mAP' if 'mAP' in truth[0] else 'accuracy'
    metrics = [metric for metric in (main, 'loss') if metric in truth[0]]
    gains = {m: real_gains(truth, m, METRICS[m]) for m in metrics}
    ops = list(gains[main])
    means = {m: [float(np.mean(found[op])) for op in ops] for m, found in gains.items()}
    rows = [['instrument', 'runs', *(f'with the gain in {m}' for m in means)]]
    rows[0].append(f'real gain of its first {FIRST}, points')
    real = np.array(means[main])
    agreement = {}
    for name, said in instruments(results).items():
        if set(ops) <= said.keys():
            average = [float(np.mean(said[op])) for op in ops]
            agreement[name] = [spearman(average, mean) for mean in means.values()]
            cells = (_between(*found) for found in agreement[name])
            chosen = real[np.argsort(average)[::-1][:FIRST]].mean()
            count = str(min(map(len, said.values())))
            rows.append([name, count, *cells, f'{chosen:+.1f}'])
    agree = {}
    for metric, found in gains.items():
        pairs = np.array([found[op] for op in ops]).T
        rhos = [stats.spearmanr(a, b)[0] for a, b in combinations(pairs, 2)]
        agree[metric] = ', '.join(f'{rho:.2f}' for rho in rhos)
    worth = ', '.join(
        f'{ops[k]} ' + ' / '.join(f'{means[m][k]:+.{PLACES[m]}f}' for m in metrics)
        for k in np.argsort(real)[::-1]
    )
    figure, axes = new_figure(7.4, 4.4)
    for number, metric in enumerate(means):
        found = np.array([each[number] for each in agreement.values()])
        places = np.arange(len(found)) + 0.25 * number
        bars = np.abs(found[:, 1:] - found[:, :1]).T
        label = f'with the gain in {metric}'
        axes.errorbar(found[:, 0], places, xerr=bars, fmt='o', label=label)
    axes.axvline(0, color='0.7', linewidth=0.8)
    axes.set_yticks(np.arange(len(agreement)) + 0.125, list(agreement))
    axes.invert_yaxis()
    axes.set_xlabel("Spearman's rank correlation")
    figure.legend(frameon=False, fontsize=8, loc='outside upper right')
    figure.savefig(picture)
    together = grouped(
        [r for r in results if r['tags']['what'] == 'together'],
        lambda r: r['tags']['op'],
    )
    plain = by_seed([r for r in truth if r['tags']['op'] == 'none'], main)
    values = {what: by_seed(found, main) for what, found in together.items()}
    how = 'on 75 % of the images' if main == 'accuracy' else 'two on every image'
    drawn = ''
    for what, found in values.items():
        gained = list(differences(found, plain).values())
        drawn += f' {what[0].upper()}{what[1:]}, drawn alike {how}: '
        drawn += f'{interval(gained, 1, "+")} points (seeds: {len(gained)}).'
    first, *others = values or [None]
    for other in others:
        each = list(differences(values[first], values[other]).values())
        drawn += f' The first minus {other}: {interval(each, 1, "+")}.'
    seeds = ''
    if all(agree.values()):
        told = ' and '.join(f'{agreed} ({metric})' for metric, agreed in agree.items())
        seeds = f'Seeds of the truth agree by {told}. '
    if len(metrics) > 1:
        seeds += f'The two truths agree by {_between(*spearman(*means.values()))}. '
    return (
        f'{table(rows)}\n{seeds}Real gains, '
        f'points of {" / ".join(metrics)}: {worth}. The best {FIRST} gain '
        f'{np.sort(real)[-FIRST:].mean():+.1f} in the mean, all of them '
        f'{real.mean():+.1f}.{drawn}\n\n{cost(results)}'
    )


def picked_by_camera(results: list[Result], cameras: Sequence[str]) -> str:
    """Return a table of what fine-tunings put first on each camera's S_val."""
    tuned = [r for r in results if r['tags'].get('what') == 'fine-tuning']
    seeds = grouped(tuned, lambda r: r['seed'])
    most = max(map(len, seeds.values()), default=0)
    seeds = {seed: runs for seed, runs in seeds.items() if len(runs) == most}
    rows = [['first two of fine-tuning, gain in mAP', *(f'seed {s}' for s in seeds)]]
    for place, camera in enumerate(cameras):
        row = [camera]
        for runs in seeds.values():
            gains = {r['tags']['op']: r['mAP'][place] for r in runs}
            plain = gains.pop('none')
            first = sorted(gains, key=gains.__getitem__, reverse=True)[:2]
            row.append(', '.join(f'{op} {gains[op] - plain:+.3f}' for op in first))
        rows.append(row)
    return table(rows) + '\n' if tuned else ''
