"""Make the tables and pictures of docs/evidence.md from the lines of results.

They take the place of what stands there between ``<!-- PART -->`` and
``<!-- end of PART -->``.

Examples:
  python benchmarks/study/evidence.py
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'tools/analysis_tools'))

import numpy as np
from classifier_jobs import SHIFTS
from compare import differences
from detector_jobs import CAMERAS
from jobs import RATES
from parts import PARTS
from rankings import picked_by_camera, ranking
from summaries import (
    Result,
    by_seed,
    cost,
    grouped,
    interval,
    new_figure,
    searches,
    table,
    welch,
)

ROOT = Path(__file__).resolve().parents[2]
EVERY = 'uniform, every image'
CHOSEN = [f'DDAS learned{how}' for how in ('', ', warm', ', long')]
CHOSEN.append('first two of fine-tuning')
BENCHES = {  # part: its shifts, digits behind the point, metrics
    'C': (SHIFTS, 1, ('accuracy', 'loss')),
    'CD': (CAMERAS, 3, ('mAP', 'mAP_50')),
}


def load(folder: Path, part: str) -> list[Result]:
    """Return the results of a part, the newest of each job, in the order of jobs.

    Part T stands in the table of part B; a result of several shifts becomes one each.
    """
    if part == 'B':
        tried = [r for r in load(folder, 'T') if 'method' in r['tags']]
        return _load(folder, part) + tried
    return [each for result in _load(folder, part) for each in _by_shift(result)]


def _by_shift(result: Result) -> list[Result]:
    if result['tags'].get('shift') != 'all':
        return [result]
    bench, _, metrics = BENCHES[result['part']]
    return [
        {**result, 'tags': {**result['tags'], 'shift': shift}}
        | {metric: result[metric][place] for metric in metrics}
        for place, shift in enumerate(bench)
    ]


def _load(folder: Path, part: str) -> list[Result]:
    path = folder / f'{part}.jsonl'
    lines = path.read_text().splitlines() if path.is_file() else []
    found = {r['name']: r for r in map(json.loads, lines) if 'failed' not in r}
    names = [job.name for job in PARTS[part](1.0)]
    return [found[name] for name in names if name in found]


def little_data(results: list[Result], picture: Path) -> str:
    """Part B."""
    methods = grouped(
        [r for r in results if r['kind'] == 'train'], lambda r: r['tags']['method']
    )
    values = {m: by_seed(found, 'accuracy') for m, found in methods.items()}
    runs = {m: [r['accuracy'] for r in found] for m, found in methods.items()}
    base = 'uniform'
    head = ['method', 'runs', 'accuracy, %']
    head += [f'minus {base}, paired by seed', f'minus {base}, all runs']
    rows = [head]
    for method, found in runs.items():
        row = [method, str(len(found)), interval(found, 2), '', '']
        if method != base and base in values:
            paired = list(differences(values[method], values[base]).values())
            row[3:] = interval(paired, 2, '+'), welch(found, runs[base], 2)
        rows.append(row)
    figure, axes = new_figure(7, 3.6)
    for place, found in enumerate(runs.values()):
        axes.plot(found, np.full(len(found), place), 'o', alpha=0.6)
        axes.plot(np.mean(found), place, 'k|', markersize=14)
    axes.set_yticks(range(len(runs)), list(runs))
    axes.invert_yaxis()
    axes.set_xlabel('accuracy on the test images, %')
    figure.savefig(picture)
    return f'{table(rows)}\n{searches(results)}{cost(results)}'


def new_camera(results: list[Result], picture: Path) -> str:
    """Part S."""
    trainings = [r for r in results if r['kind'] == 'digits_train']
    groups = grouped(
        trainings, lambda r: (r['tags']['method'], r['tags'].get('images'))
    )
    sizes = sorted({images for _, images in groups if images})
    for size in sizes:
        if size >= 200:  # a quarter of all is what they are, each listed once
            groups['trained on them, often', size] = groups['trained on them', size]
    head = ['labelled images', 'policy', 'trained on them', 'trained on them, often']
    head.append('both')
    rows = [[*head, 'policy minus trained on them, often']]
    neither = [r['mAP'] for r in groups.get(('neither', None), [])]
    for size in sizes:
        values = {m: by_seed(groups.get((m, size), []), 'mAP') for m in head[1:]}
        cells = [interval(list(v.values()), 3) if v else '' for v in values.values()]
        gains = differences(values['policy'], values['trained on them, often'])
        gain = interval(list(gains.values()), 3, '+') if gains else ''
        rows.append([str(size), *cells, gain])
    if len(sizes) > 1:
        drawn = [method for method in head[1:] if method != 'trained on them']
        _draw_cameras(groups, drawn, sizes, neither, picture)
    seeds = interval(neither, 3) if neither else 'not run'
    return f'{table(rows)}\nNeither: {seeds}.\n\n' + searches(results) + cost(results)


def _draw_cameras(
    groups: dict[Any, list[Result]],
    methods: Sequence[str],
    sizes: Sequence[int],
    neither: Sequence[float],
    picture: Path,
) -> None:
    figure, axes = new_figure(6.4, 4)
    for method in methods:
        there = [size for size in sizes if (method, size) in groups]
        found = [[r['mAP'] for r in groups[method, size]] for size in there]
        axes.plot(there, [np.mean(f) for f in found], '-', label=method)
        colour = axes.lines[-1].get_color()
        for size, each in zip(there, found, strict=True):
            axes.plot([size] * len(each), each, 'o', color=colour, markersize=4)
    if neither:
        axes.axhline(np.mean(neither), color='0.5', linestyle='--', label='neither')
    axes.set_xscale('log')
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.set_xlabel('labelled images of the new camera (S_val)')
    axes.set_ylabel('mAP on its test images')
    axes.legend(frameon=False, loc='center right')
    figure.savefig(picture)


def shift_bench(results: list[Result], picture: Path) -> str:
    """Parts C and CD: methods and shifts, and differences over the shifts."""
    bench, digits, (metric, _) = BENCHES[results[0]['part']]
    trainings = [
        r for r in results if r['kind'].endswith('train') and 'method' in r['tags']
    ]
    groups = grouped(trainings, lambda r: (r['tags']['images'], r['tags']['method']))
    seeds = {
        column: {
            shift: by_seed(runs, metric)
            for shift, runs in grouped(group, lambda r: r['tags']['shift']).items()
        }
        for column, group in groups.items()
    }
    found = {
        column: {shift: float(np.mean(list(v.values()))) for shift, v in each.items()}
        for column, each in seeds.items()
    }
    names = {
        (images, method): f'{method} ({images})' if images else method
        for images, method in found
    }
    searched = [set(v) for (images, _), v in found.items() if images]
    there = [shift for shift in bench if any(shift in each for each in searched)]
    rows = [['method', *there, 'mean']]
    for column, values in found.items():
        cells = [f'{values[s]:.{digits}f}' if s in values else '' for s in there]
        whole = values.keys() >= set(there)
        mean = f'{np.mean([values[s] for s in there]):.{digits}f}' if whole else ''
        rows.append([names[column], *cells, mean])
    gains = [['difference', *there, 'mean of the shifts']]
    for images in sorted({images for images, _ in found} - {0}):
        others = [(images, 'DDAS helpful'), (images, 'trained on them')]
        others += [(0, method) for method in ('TA, own operations', 'uniform', 'none')]
        for policy, other in product(CHOSEN, others):
            ours = images, policy
            if ours in found and other in found:
                each = {}
                for s in found[ours].keys() & found[other].keys():
                    paired = differences(seeds[ours][s], seeds[other][s])
                    if paired:
                        each[s] = float(np.mean(list(paired.values())))
                name = f'{names[ours]} minus {names[other]}'
                cells = [f'{each[s]:+.{digits}f}' if s in each else '' for s in there]
                gains.append([name, *cells, interval(list(each.values()), digits, '+')])
    figure, axes = new_figure(9, 4.4)
    for column, values in found.items():
        style = '-' if 'DDAS' in column[1] else ':'
        numbers = [values.get(shift, np.nan) for shift in there]
        axes.plot(numbers, style, marker='o', markersize=3, label=names[column])
    axes.set_xticks(range(len(there)), there, rotation=20)
    axes.set_ylabel(f'{metric} on shifted test images')
    figure.legend(frameon=False, fontsize=7, loc='outside right upper')
    figure.savefig(picture)
    number = len({r['seed'] for r in trainings})
    once = list({r['name']: r for r in results}.values())
    return (
        f'{table(rows)}\nSeeds: {number}.\n\n{table(gains)}\n'
        f'{picked_by_camera(results, list(bench))}{searches(results)}{cost(once)}'
    )


def paper_search(results: list[Result], picture: Path) -> str:
    """Part A: the course of p_tp and of the entropy."""
    (search,) = results
    entropy = np.array(search['entropy']) / np.log(len(search['candidates']))
    figure, axes = new_figure(6, 3.4)
    axes.plot(range(1, len(entropy) + 1), search['total_prob'], label='p_tp')
    axes.plot(range(1, len(entropy) + 1), entropy, label='entropy of p_o / log K')
    axes.set_xlabel('search epoch')
    axes.legend(frameon=False)
    figure.savefig(picture)
    probs = np.array(search['op_probs'])
    text = ', '.join(f'{p:.3f}' for p in search['total_prob'])
    return (
        f'p_tp: {text}. Entropy at the end {entropy[-1]:.3f} of log K; the largest '
        f'p_o is {probs.max() * len(probs):.2f} times uniform.\n\n{searches(results)}'
        + cost(results)
    )


def real_cells(results: list[Result], picture: Path) -> str:
    """Part E: a table of methods and classes, and the curve without a policy."""
    methods = grouped(
        [r for r in results if r['kind'] == 'cells_train' and 'method' in r['tags']],
        lambda r: r['tags']['method'],
    )
    values = {m: by_seed(found, 'mAP') for m, found in methods.items()}
    classes = list(next(iter(methods.values()))[0]['per_class'])
    bases = 'flip', 'uniform'
    head = ['method', 'runs', 'mAP', 'mAP at IoU 0.5', *(f'AP, {c}' for c in classes)]
    rows = [[*head, *(f'minus {base}, paired by seed' for base in bases)]]
    for method, found in methods.items():
        row = [method, str(len(found))]
        row += [interval([r[m] for r in found], 3) for m in ('mAP', 'mAP_50')]
        for name in classes:
            row.append(f'{np.mean([r["per_class"][name] for r in found]):.3f}')
        for base in bases:
            there = method != base and base in values
            gains = differences(values[method], values[base]) if there else {}
            row.append(interval(list(gains.values()), 3, '+') if gains else '')
        rows.append(row)
    starts = [r['mAP'] for r in results if r['tags'].get('what') == 'start']
    curves = [r['curve'] for r in results if 'curve' in r]
    told = ''
    if curves:
        course = ', '.join(f'{p["step"]}: {p["mAP"]:.3f}' for p in curves[0])
        told = (
            f'mAP of *flip* on val.json after so many steps, seed 0: {course}; the '
            f"training's loss fell from {curves[0][0]['loss']:.2f} to "
            f'{curves[0][-1]["loss"]:.2f} meanwhile.\n\n'
            f'![course of flip](images/{picture.name})\n\n'
        )
        _draw_curve(curves[0], picture)
    return (
        f'{table(rows)}\nThe common checkpoints, on val.json: {interval(starts, 3)}. '
        f'{told}{searches(results)}{cost(results)}'
    )


def _draw_curve(curve: Sequence[dict[str, float]], picture: Path) -> None:
    figure, axes = new_figure(6, 3)
    steps = [point['step'] for point in curve]
    axes.plot(steps, [point['mAP'] for point in curve], label='mAP on val.json')
    axes.set_ylim(bottom=0)
    axes.set_xlabel('step')
    other = axes.twinx()
    losses = [point['loss'] for point in curve]
    other.plot(steps, losses, 'C1:', label="the training's loss")
    other.spines['top'].set_visible(False)
    figure.legend(frameon=False, fontsize=8, loc='outside upper right', ncols=2)
    figure.savefig(picture)


TRUTHS = {  # of part R: part, metric, digits, and what its trainings are called there
    'cells': ('E', 'mAP', 3, ('flip', 'uniform', 'uniform, p_tp 0.7', EVERY)),
    'cifar': ('B', 'accuracy', 2, ('crop + flip', 'uniform', 'uniform, p_tp 0.7', '')),
}


def rates(results: list[Result], folder: Path) -> str:
    """Part R: gains at each rate after fine-tuning, beside those of whole trainings."""
    rows = [['images', 'gain', *(f'p_tp {rate:g}' for rate in RATES[1:])]]
    for data, (part, metric, digits, methods) in TRUTHS.items():
        tuned = [r for r in results if r['tags']['data'] == data]
        trained = load(folder, part)
        tried = [[r for r in tuned if r['tags'].get('rate') == rate] for rate in RATES]
        whole = [
            [r for r in trained if r['tags'].get('method') == name] for name in methods
        ]
        for name, runs in (('fine-tuning', tried), ('training', whole)):
            values = [by_seed(found, metric) for found in runs]
            gains = (list(differences(v, values[0]).values()) for v in values[1:])
            cells = (interval(gain, digits, '+') if gain else '' for gain in gains)
            rows.append([data, f'{metric}, {name}', *cells])
    return f'{table(rows)}\n{cost(results)}'


REPORTS = {
    'S': new_camera,
    'B': little_data,
    'B1000': little_data,
    'C': shift_bench,
    'D1': ranking,
    'D2': ranking,
    'D3': ranking,
    'CD': shift_bench,
    'A': paper_search,
    'E': real_cells,
    'R': rates,
}


def main() -> None:
    """Draw all pictures, and put all tables in their places."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('--results', type=Path, default=Path(__file__).parent / 'results')
    add('--page', type=Path, default=ROOT / 'docs/evidence.md')
    args = parser.parse_args()
    page = args.page.read_text()
    for part, report in REPORTS.items():
        results = load(args.results, part)
        if results:
            pictures = args.page.parent / 'images'
            where = args.results if part == 'R' else pictures / f'study_{part}.png'
            text = report(results, where)
            before, rest = page.split(f'<!-- {part} -->\n', 1)
            end = f'<!-- end of {part} -->\n'
            after = rest.split(end, 1)[1]
            page = f'{before}<!-- {part} -->\n{text}{end}{after}'
    args.page.write_text(page)


if __name__ == '__main__':
    main()
