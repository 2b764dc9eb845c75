r"""Train configs with several seeds, evaluate them, and tell them apart.

Examples:
  python tools/analysis_tools/compare.py --seeds 0 1 2 --baseline without \
      with=work_dirs/search/retrain_retinanet_r18_digits.py \
      without=configs/baselines/retinanet_r18_digits.py
  # 4 GPUs for each run
  python tools/analysis_tools/compare.py CONFIG CONFIG \
      --launcher 'env TOOL={tool} bash tools/dist_train.sh {config} 4'
  # Slurm, partition gpu
  python tools/analysis_tools/compare.py CONFIG CONFIG \
      --launcher 'bash tools/slurm.sh {tool} gpu {name} {config} {work_dir}'
"""

import argparse
import csv
import io
import json
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, __file__.rpartition('/tools/')[0])

import numpy as np
from scipy import stats

from ddas_mm.cli import jobs
from ddas_mm.cli.run import ToolParser, run_tool
from ddas_mm.errors import SettingError, check_known
from ddas_mm.files import write_atomically
from ddas_mm.outcome.gains import choose_metric

RESULT = 'result.json'  # written last: where it is, the run is finished
STAMP = re.compile(r'^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) - ', re.MULTILINE)
INTERVAL = ('95 % low', '95 % high')
Results = dict[str, dict[int, dict[str, Any]]]  # of a config's name and a seed


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(__doc__)
    add = parser.add_argument
    add(
        'configs',
        nargs='+',
        metavar='[NAME=]CONFIG',
        help='training configs; NAME is what the table calls one (the file name)',
    )
    add('--metric', help='what to compare (default: mAP, top1 or mIoU)')
    add(
        '--baseline',
        metavar='NAME',
        help='what the others are compared with, seed by seed (default: the first)',
    )
    add(
        '--launcher',
        metavar='COMMAND',
        help='starts the tools, with {tool}, {config}, {name} and {work_dir} filled '
        'in; see the examples (default: one process)',
    )
    jobs.add_run_arguments(parser, 'work_dirs/compare')
    return parser.parse_args()


def train_and_test(run: jobs.Run) -> dict[str, Any]:
    """Return the result of a run, doing only what is not done yet."""
    run.begin()
    path = run.folder / RESULT
    if not path.is_file():
        run.call('train', '--resume', '--seed', str(run.seed))
        checkpoint = (run.folder / 'last_checkpoint').read_text().strip()
        tests = run.folder / 'test'
        run.call('test', checkpoint, '--work-dir', str(tests))
        result = {'metrics': read_metrics(tests), **read_cost(run.folder)}
        write_atomically(path, json.dumps(result, indent=1) + '\n')
    return json.loads(path.read_text())


def read_metrics(folder: Path) -> dict[str, float]:
    """Return what the newest evaluation in a work_dir has found.

    Raises:
        RunFailed: If there is none.
    """
    files = sorted(folder.glob('*/*.json'))
    if not files:
        raise jobs.RunFailed(f'{folder} holds no result of an evaluation')
    found = json.loads(files[-1].read_text())
    return {name: found[name] for name in found if name not in ('time', 'data_time')}


def read_cost(folder: Path) -> dict[str, Any]:
    """Return hours and processes of a training, all its attempts, by its logs."""
    seconds, processes = 0.0, 1
    for log in folder.glob('*/*.log'):
        text = log.read_text(errors='replace')
        stamps = STAMP.findall(text)
        times = [datetime.strptime(stamp, '%Y/%m/%d %H:%M:%S') for stamp in stamps]
        if times:
            seconds += (max(times) - min(times)).total_seconds()
        if found := re.search(r'GPU number: (\d+)', text):
            processes = int(found[1])
    return {'hours': seconds / 3600, 'processes': processes}


def summarise(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean and its 95 % interval (Student's t), nan where there is none."""
    mean = float(np.mean(values)) if len(values) else np.nan
    if len(values) < 2:
        return mean, np.nan, np.nan
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return mean, mean - half, mean + half


def differences(
    values: Mapping[int, float], baseline: Mapping[int, float]
) -> dict[int, float]:
    """Return by how much values exceed the baseline's of the same seed."""
    return {seed: values[seed] - baseline[seed] for seed in values if seed in baseline}


def build_table(results: Results, metric: str) -> list[list[str]]:
    """Return mean, interval and cost: a head, and a row per config as given."""
    rows = [['config', 'seeds', metric, *INTERVAL, 'hours', 'processes']]
    for name, found in results.items():
        runs = found.values()
        cells = _cells(summarise([run['metrics'][metric] for run in runs]))
        hours = np.mean([run['hours'] for run in runs])
        processes = '/'.join(sorted({str(run['processes']) for run in runs}))
        rows.append([name, str(len(found)), *cells, f'{hours:.3f}', processes])
    return rows


def build_differences(results: Results, metric: str, baseline: str) -> list[list[str]]:
    """Return the differences of all others to one config, seed by seed.

    What a seed does to all configs alike cancels: pairs can tell configs apart whose
    own intervals overlap.
    """
    values = {
        name: {seed: run['metrics'][metric] for seed, run in found.items()}
        for name, found in results.items()
    }
    rows = [['config', 'pairs', f'{metric} minus {baseline}', *INTERVAL, 'by seed']]
    for name in [name for name in values if name != baseline]:
        found = differences(values[name], values[baseline])
        cells = _cells(summarise(list(found.values())))
        seeds = ', '.join(f'{seed}: {value:+.4g}' for seed, value in found.items())
        rows.append([name, str(len(found)), *cells, seeds])
    return rows


def _cells(numbers: Sequence[float]) -> list[str]:
    # Rounded first: a sum of differences that cancel is 0, not 1e-17.
    return ['' if np.isnan(x) else f'{round(x, 9) + 0.0:.4g}' for x in numbers]


def write_tables(tables: Mapping[str, list[list[str]]], folder: Path) -> str:
    """Write a CSV file per name, and all in ``compare.md``; return its text."""
    texts = []
    for name, rows in tables.items():
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator='\n').writerows(rows)
        write_atomically(folder / f'{name}.csv', buffer.getvalue())
        texts.append(jobs.markdown(rows))
    text = '\n'.join(texts)
    write_atomically(folder / 'compare.md', text)
    return text


def plan(args: argparse.Namespace) -> list[jobs.Run]:
    """Return all runs: seed by seed, so that an early stop leaves a fair table.

    Raises:
        SettingError: If a config cannot be trained, or the launcher is not usable.
    """
    named = []
    for word in args.configs:
        name, _, config = word.rpartition('=')
        named.append(jobs.plan_runs(config, args, name=name, launcher=args.launcher))
    runs = [run for group in zip(*named, strict=True) for run in group]
    jobs.check_names(runs)
    if args.launcher and not {'{tool}', '{config}'} <= set(args.launcher.split()):
        raise SettingError(
            f'--launcher {args.launcher!r} must hold {{tool}} and {{config}}, e.g. '
            "'env TOOL={tool} bash tools/dist_train.sh {config} 4'"
        )
    firsts = runs[: len(named)]
    if args.baseline is not None:
        check_known('--baseline', args.baseline, [run.name for run in firsts])
    for run in firsts:
        if run.settings().get('test_dataloader') is None:
            raise SettingError(f'{run.config!r} has no test_dataloader to compare by')
    return runs


def main() -> None:
    """Train, evaluate, compare."""
    args = parse_args()
    runs = plan(args)
    results: Results = defaultdict(dict)
    for run, result in jobs.each_done(runs, train_and_test):
        results[run.name][run.seed] = result
    done = [result for found in results.values() for result in found.values()]
    if done:
        shared = set.intersection(*(set(result['metrics']) for result in done))
        common = {k: v for k, v in done[0]['metrics'].items() if k in shared}
        metric = choose_metric(common, args.metric, {})
        tables = {'compare': build_table(results, metric)}
        baseline = args.baseline or runs[0].name
        if baseline in results and len(results) > 1:
            tables['differences'] = build_differences(results, metric, baseline)
        print('\n' + write_tables(tables, Path(args.work_dir)))
        print(f'{args.work_dir}: compare.md, {", ".join(f"{t}.csv" for t in tables)}')
    failed = len(runs) - len(done)
    if failed:
        print(f'{failed} of {len(runs)} runs failed; see above', file=sys.stderr)
    sys.exit(failed > 0)


if __name__ == '__main__':
    run_tool(main)
