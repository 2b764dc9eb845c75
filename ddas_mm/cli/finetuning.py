"""Operations ranked by the metric, after fine-tuning a checkpoint with each."""

from __future__ import annotations

import argparse
import json
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from mmengine.config import Config
from msgspec import Meta

from ddas_mm.augment.candidates import CandidateOps, build_space, without_idle
from ddas_mm.cli.jobs import again
from ddas_mm.cli.parser import aligned, at_least, track
from ddas_mm.cli.run import bare_runner
from ddas_mm.cli.stop import stoppable
from ddas_mm.derive.ranking import derive_finetuning
from ddas_mm.derive.search import training_length
from ddas_mm.errors import SearchFailed, SettingError, check_known, check_value
from ddas_mm.files import read_json, write_atomically
from ddas_mm.outcome import gains
from ddas_mm.outcome.emit import AUGMENT
from ddas_mm.outcome.plots import save_effects
from ddas_mm.policy import SearchSpace
from ddas_mm.policy.effects import HARMS, HELPS, verdict_line
from ddas_mm.policy.space import candidate_label
from ddas_mm.search.checks import check_ignored
from ddas_mm.search.finetuning import (
    IDENTITY,
    LR_SCALE,
    NONE,
    FineTuning,
    at_rates,
    first_loaded,
    one_by_one,
)

Share = Annotated[float, Meta(gt=0, le=1)]
FEWEST = 250  # steps unless others are asked for; 62 to 94 told less: docs/evidence.md
APART = 1000  # seeds of two repeats: those of a loader's workers count on from them
# the options that belong to it
FINETUNE = 'steps', 'operations', 'rates', 'first', 'metric', 'repeats', 'lr_scale'


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
        default=2,
        metavar='R',
        help='fine-tunings with each operation (default: 2); intervals come of them',
    )
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        '--operations', nargs='+', metavar='NAME', help='these alone (default: all)'
    )
    which.add_argument(
        '--rates',
        nargs='+',
        type=float,
        metavar='P',
        help='how often to augment: the whole space, drawn alike, on these shares of '
        'the images (p_tp), instead of each operation',
    )
    add(
        '--first',
        action=at_least(1),
        metavar='N',
        help='--emit-space keeps those N operations that gain most (default: all that '
        'are not known to harm)',
    )
    add('--metric', metavar='NAME', help='default: that of save_best, or mAP and such')
    add(
        '--lr-scale',
        type=float,
        default=LR_SCALE,
        metavar='X',
        help='learning rate at the start, relative to that of the training (default: '
        f'{LR_SCALE}); it falls to zero in a line',
    )


def rank_by_metric(
    training: Config, search: Config, args: argparse.Namespace
) -> tuple[SearchSpace, list[str]]:
    """Fine-tune with each operation of a space, or at rates; tell what each gains.

    Args:
        training: The config of the checkpoint.
        search: A search of its data.
        args: The command line.

    Returns:
        The candidates that the data has something for, and which of them may help.

    Raises:
        SettingError: If checkpoint, data or evaluation do not fit.
        SearchFailed: If a fine-tuning comes to no metric.
    """
    check_value('--lr-scale', args.lr_scale, Share)
    rates = list(dict.fromkeys(args.rates or ()))
    check_value('--rates', rates, list[Share])
    if rates and args.first is not None:
        raise SettingError('--first is about operations; leave it out, or --rates')
    whole = build_space(search.train_cfg.space)
    names, schedule = at_rates(whole, rates) if rates else one_by_one(whole)
    config = derive_finetuning(training, schedule)
    config.randomness = {'seed': args.seed}
    hook = (training.get('default_hooks') or {}).get('checkpoint') or {}
    with stoppable(again), bare_runner(config, args.checkpoint) as runner:
        forks = FineTuning(runner, len(names), args.lr_scale)
        loaded = first_loaded(forks.loader['dataset'])
        space = without_idle(whole, loaded, print)
        check_ignored(runner.model, loaded, CandidateOps(space))
        named = names[1:] if rates else one_by_one(space)[0][1:]
        for name in args.operations or ():
            check_known('--operations', name, named)
        tried = [NONE, *(n for n in named if n in (args.operations or named))]
        record = Record(training, args, whole.labels)
        if 'before' not in record.data:
            record.data['before'] = gains.plain_metrics(forks.evaluate())
        metric = gains.choose_metric(record.data['before'], args.metric, hook)
        ((unit, length),) = training_length(training).items()
        length *= forks.epoch if unit == 'max_epochs' else 1
        what = 'rates' if rates else 'operations'
        steps, todo = record.plan(tried, args.repeats, length, what)
        for repeat, name in track(todo, 'fine-tunings'):
            tuned = forks.tune(names.index(name), args.seed + APART * repeat, steps)
            found = forks.evaluate(tuned)
            if not np.isfinite(found.get(metric, np.nan)):
                raise SearchFailed(
                    f'fine-tuning with {name} comes to no {metric}; try a smaller '
                    '--lr-scale, or take the operation out of the space'
                )
            record.data['runs'][name].append(gains.plain_metrics(found))
            record.write()
    lower = gains.lower_is_better(metric, hook)
    told = record.tell(tried, args.repeats, metric, lower)
    if rates and told[0]['verdict'] == HELPS:
        rate = rates[names.index(told[0]['candidate']) - 1]
        policy = {'space': dict(search.train_cfg.space), 'total_prob': rate}
        print(f"take dict(type='ddas_mm.{AUGMENT}', policy={policy})")
    return space, _kept(space, told, args.first)


def _kept(
    space: SearchSpace, told: list[dict[str, Any]], first: int | None
) -> list[str]:
    left = [gain['candidate'] for gain in told if gain['verdict'] == HARMS]
    if first is not None:
        left = [IDENTITY, *(gain['candidate'] for gain in told[first:])]
    return [candidate_label(c) for c in space.candidates if c[0] not in left]


class Record:
    """What there is of fine-tunings with some settings, in a file.

    Args:
        training: The config of the checkpoint.
        args: The command line.
        candidates: Names of those of the whole space.

    Raises:
        SettingError: If the file holds fine-tunings with other settings.
    """

    def __init__(
        self, training: Config, args: argparse.Namespace, candidates: list[str]
    ) -> None:
        self.path = Path(training.work_dir, 'finetuning.json')
        settings = {k: v for k, v in training._cfg_dict.items() if k != 'work_dir'}
        text = json.dumps(settings, sort_keys=True, default=str)
        contents = text.encode(), Path(args.checkpoint).read_bytes()
        config, weights = (sha256(content).hexdigest()[:16] for content in contents)
        facts = {
            'config': [args.config, config],
            'checkpoint': [args.checkpoint, weights],
            'candidates': candidates,
            'lr_scale': args.lr_scale,
            'seed': args.seed,
            **({} if args.steps is None else {'steps': args.steps}),
        }
        self.data: dict[str, Any] = facts
        if self.path.is_file():
            self.data = read_json(self.path, f'file {str(self.path)!r}')
        for name, value in facts.items():
            if self.data.get(name) != value:
                raise SettingError(
                    f'{str(self.path)!r} holds fine-tunings with another {name}; '
                    'delete it, or choose another --work-dir'
                )

    def plan(
        self, names: list[str], repeats: int, length: int, what: str
    ) -> tuple[int, list[tuple[int, str]]]:
        """Return the steps of each fine-tuning, and which are to be done; tell both.

        Args:
            names: Operations or rates, the first of them none.
            repeats: Fine-tunings with each.
            length: Steps of the training.
            what: What names are of.
        """
        number = len(names) * repeats
        steps = self.data.setdefault('steps', max(length // number, FEWEST))
        runs = self.data.setdefault('runs', {})
        todo = [
            (repeat, name)
            for repeat in range(repeats)
            for name in names
            if len(runs.setdefault(name, [])) <= repeat
        ]
        print(
            f'{len(names) - 1} {what} and none, {repeats} times {steps} steps '
            f'each: {number * steps / length:.2g} times as many as the training has '
            f'({length}), and {number} evaluations; {number - len(todo)} of {number} '
            'are done already'
        )
        return steps, todo

    def write(self) -> None:
        """Write the file; its folder is made with the first."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, json.dumps(self.data, indent=1))

    def tell(
        self, names: list[str], repeats: int, metric: str, lower: bool
    ) -> list[dict[str, Any]]:
        """Print, write and draw what operations gain; return it."""
        runs = [self.data['runs'][name][:repeats] for name in names]
        values = np.array([[run[metric] for run in each] for each in runs])
        found = gains.estimate_gains(names[1:], values, lower)
        better = ' (lower is better)' if lower else ''
        print(
            f'{metric}{better} on S_val: {self.data["before"][metric]:.3f} before, '
            f'{values[0].mean():.3f} after fine-tuning without augmentation',
            aligned(gains.HEADER, gains.gain_rows(found)),
            verdict_line(found),
            sep='\n\n',
        )
        self.data |= {'metric': metric, 'gains': found}
        self.write()
        print(self.path)
        if repeats > 1:  # one tells no intervals, which the picture shows
            picture = self.path.with_suffix('.png')
            save_effects(found, f'gain in {metric}', picture)
            print(picture)
        return found
