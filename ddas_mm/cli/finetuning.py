"""Operations ranked by the metric, after fine-tuning a checkpoint with each."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from ddas_mm.augment.candidates import CandidateOps, build_space, without_idle
from ddas_mm.cli.derive import is_search
from ddas_mm.cli.jobs import again
from ddas_mm.cli.parser import aligned, at_least, track
from ddas_mm.cli.run import trained_runner
from ddas_mm.cli.stop import stoppable
from ddas_mm.derive.plan import AUTO
from ddas_mm.derive.ranking import derive_finetuning, derive_ranking
from ddas_mm.derive.search import training_length
from ddas_mm.errors import SearchFailed, SettingError, check_known, check_number
from ddas_mm.files import read_json, write_atomically
from ddas_mm.outcome.gains import (
    HEADER,
    choose_metric,
    estimate_gains,
    gain_rows,
    lower_is_better,
    plain_metrics,
)
from ddas_mm.outcome.plots import save_effects
from ddas_mm.outcome.ranking import space_text
from ddas_mm.policy.effects import HARMS, verdict_line
from ddas_mm.policy.space import candidate_label
from ddas_mm.search.checks import check_ignored
from ddas_mm.search.finetuning import NONE, FineTuning, first_loaded, one_by_one

FEWEST = 250  # steps unless others are asked for; 62 to 94 told less: docs/evidence.md
APART = 1000  # seeds of two repeats: those of a loader's workers count on from them
FILE = 'finetuning.json'
OPTIONS = dict.fromkeys(('steps', 'operations', 'metric'))
OPTIONS |= {'repeats': 2, 'lr_scale': 0.2}


def add_finetune_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--finetune`` and the options that belong to it."""
    group = parser.add_argument_group(
        'ranking by the metric',
        'slower, and closer to what trainings gain: the checkpoint is fine-tuned with '
        'each operation on half of the images, and evaluated as the training is',
    )
    add = group.add_argument
    add('--finetune', action='store_true', help='rank in this way')
    add(
        '--steps',
        action=at_least(1),
        metavar='N',
        help='of each fine-tuning (default: so many that all together take as long as '
        f'the training, at least {FEWEST})',
    )
    add(
        '--repeats',
        action=at_least(1),
        metavar='R',
        help='fine-tunings with each operation (default: 2); intervals come of them',
    )
    add('--operations', nargs='+', metavar='NAME', help='these alone (default: all)')
    add('--metric', metavar='NAME', help='default: that of save_best, or mAP and such')
    add(
        '--lr-scale',
        type=float,
        metavar='X',
        help='learning rate at the start, relative to that of the training (default: '
        '0.2); it falls to zero in a line',
    )


def finetune_options(args: argparse.Namespace) -> bool:
    """Return whether to rank by the metric; fill in the defaults of its options.

    Raises:
        SettingError: If an option is given without ``--finetune``, or is out of range.
    """
    for name, default in OPTIONS.items():
        if getattr(args, name) is None:
            setattr(args, name, default)
        elif not args.finetune:
            raise SettingError(
                f'--{name.replace("_", "-")} belongs to fine-tuning; add --finetune'
            )
    check_number('--lr-scale', args.lr_scale, np.nextafter(0, 1), np.nextafter(1, 2))
    return args.finetune


def rank_by_metric(training: Config, args: argparse.Namespace) -> None:
    """Fine-tune with each operation of a space, and tell what each has gained.

    Raises:
        SettingError: If checkpoint, data or evaluation do not fit.
        SearchFailed: If a fine-tuning comes to no metric.
    """
    if is_search(training):
        raise SettingError(
            f'{training.filename!r} is a search config, which evaluates nothing; '
            '--finetune takes that of an ordinary training'
        )
    hook = (training.get('default_hooks') or {}).get('checkpoint') or {}
    search = derive_ranking(training, args.space or AUTO)
    if args.space in (None, AUTO):
        print(search.derived_from.changes[0])
    whole = build_space(search.train_cfg.space)
    names, schedule = one_by_one(whole)
    config = derive_finetuning(training, schedule)
    config.randomness = {'seed': args.seed}
    path = Path(training.work_dir, FILE)
    with stoppable(again), trained_runner(config, args.checkpoint) as runner:
        forks = FineTuning(runner, len(names), args.lr_scale)
        loaded = first_loaded(forks.loader['dataset'])
        space = without_idle(whole, loaded, print)
        check_ignored(runner.model, loaded, CandidateOps(space))
        named = one_by_one(space)[0][1:]
        for name in args.operations or ():
            check_known('--operations', name, named)
        tried = [NONE, *(n for n in named if n in (args.operations or named))]
        ((unit, length),) = training_length(training).items()
        length *= forks.epoch if unit == 'max_epochs' else 1
        number = len(tried) * args.repeats
        record = _take_up(path, training, args, whole.labels)
        steps = record.setdefault('steps', max(length // number, FEWEST))
        if 'before' not in record:
            record['before'] = plain_metrics(forks.evaluate())
        metric = choose_metric(record['before'], args.metric, hook)
        path.parent.mkdir(parents=True, exist_ok=True)
        runs = record.setdefault('runs', {})
        todo = [
            (repeat, name)
            for repeat in range(args.repeats)
            for name in tried
            if len(runs.setdefault(name, [])) <= repeat
        ]
        done = f'; {number - len(todo)} of {number} are done already'
        print(
            f'{len(tried) - 1} operations and none, {args.repeats} times {steps} steps '
            f'each: {number * steps / length:.2g} times as many as the training has '
            f'({length}), and {number} evaluations{done if len(todo) < number else ""}'
        )
        for repeat, name in track(todo, 'fine-tunings'):
            tuned = forks.tune(names.index(name), args.seed + APART * repeat, steps)
            runs[name].append(_measured(forks.evaluate(tuned), metric, name))
            write_atomically(path, json.dumps(record, indent=1))
    lower = lower_is_better(metric, hook)
    gains = _tell(path, record, tried, args.repeats, metric, lower)
    if args.emit_space is not None:
        harm = [g['candidate'] for g in gains if g['verdict'] == HARMS]
        kept = [candidate_label(c) for c in space.candidates if c[0] not in harm]
        text = space_text(space, search.train_cfg.space, kept)
        write_atomically(args.emit_space, text)
        print(args.emit_space)


def _measured(found: dict[str, Any], metric: str, name: str) -> dict[str, float]:
    """Return the metrics of a fine-tuning, which must have the one that counts."""
    if not np.isfinite(found.get(metric, np.nan)):
        raise SearchFailed(
            f'fine-tuning with {name} comes to no {metric}; try a smaller '
            '--lr-scale, or take the operation out of the space'
        )
    return plain_metrics(found)


def _tell(
    path: Path,
    record: dict[str, Any],
    names: list[str],
    repeats: int,
    metric: str,
    lower: bool,
) -> list[dict[str, Any]]:
    """Print, write and draw what operations gain; return it."""
    runs = [record['runs'][name][:repeats] for name in names]
    values = np.array([[run[metric] for run in each] for each in runs])
    gains = estimate_gains(names[1:], values, lower)
    better = ' (lower is better)' if lower else ''
    print(
        f'{metric}{better} on S_val: {record["before"][metric]:.3f} before, '
        f'{values[0].mean():.3f} after fine-tuning without augmentation',
        aligned(HEADER, gain_rows(gains)),
        verdict_line(gains),
        sep='\n\n',
    )
    record |= {'metric': metric, 'gains': gains}
    write_atomically(path, json.dumps(record, indent=1))
    print(path)
    if repeats > 1:  # one tells no intervals, which the picture shows
        picture = path.with_suffix('.png')
        save_effects(gains, f'gain in {metric}', picture)
        print(picture)
    return gains


def _take_up(
    path: Path, training: Config, args: argparse.Namespace, candidates: list[str]
) -> dict[str, Any]:
    """Return what there is of fine-tunings with these settings.

    Raises:
        SettingError: If the file holds such with other settings.
    """
    settings = {k: v for k, v in training._cfg_dict.items() if k != 'work_dir'}
    text = json.dumps(settings, sort_keys=True, default=str)
    facts = {
        'config': [args.config, _digest(text.encode())],
        'checkpoint': [args.checkpoint, _digest(Path(args.checkpoint).read_bytes())],
        'candidates': candidates,
        'lr_scale': args.lr_scale,
        'seed': args.seed,
        **({} if args.steps is None else {'steps': args.steps}),
    }
    known = read_json(path, f'file {str(path)!r}') if path.is_file() else facts
    for name, value in facts.items():
        if known.get(name) != value:
            raise SettingError(
                f'{str(path)!r} holds fine-tunings with another {name}; delete it, '
                'or choose another --work-dir'
            )
    return known


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
