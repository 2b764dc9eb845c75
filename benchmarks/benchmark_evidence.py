"""Measure which mini-batches of a search find a planted candidate soonest.

A setting is ``B,L,M[,m]``: mini-batch of S_train, policies per step, mini-batch of
S_val, steps between two gradients of it. Evidence is z of the planted candidate's mean
effect after equally many steps, which begin at a network that was trained without
policies. It grows with their root, by which it is brought to equal time. Seconds per
step are processor time of one thread, the settings taking turns, so that other work on
the machine matters little. over_noise is its effect over the standard error of the
median candidate. Results are JSON lines; what is there is not measured again.

With --null no candidate has an effect, and searches begin at an untrained network: how
often does one say "helps" or "harms" all the same?

Examples:
  python benchmarks/benchmark_evidence.py configs/ddas_wrn10-1_cifar10_sanity.py \
      --data-root data/cifar10 --settings 32,3,256 32,3,32 16,7,64
  python benchmarks/benchmark_evidence.py configs/ddas_retinanet_r18_digits_sanity.py \
      --settings 4,3,4 8,3,16 --smoke
  python benchmarks/benchmark_evidence.py configs/ddas_wrn10-1_cifar10_sanity.py \
      --data-root data/cifar10 --settings 16,7,32 --null --seeds $(seq 0 39)
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, __file__.rpartition('/benchmarks/')[0])

import numpy as np
import torch

from ddas_mm.cli.parser import ToolParser
from ddas_mm.cli.run import add_common_arguments, build_runner, load_config, run_tool
from ddas_mm.policy import estimate_effects
from ddas_mm.policy.effects import UNKNOWN, doubts, effects_to_list
from ddas_mm.search.gradients import compute_loss
from ddas_mm.search.loop import DDASLoop

TRAINING, WARM_UP = 300, 30  # steps before the search; of them at rising rates
ROUNDS, TIMED = 5, 2  # of timing; steps in each
# Views are flipped and shifted by chance behind the candidate, which so changes nothing
# (a shift by a pixel next to nothing); Identity is not exactly zero either.
CHANCE = (
    {'type': 'RandomCrop', 'crop_size': 32, 'padding': 4},
    {'type': 'RandomFlip', 'prob': 0.5, 'direction': 'horizontal'},
    {'type': 'RandomFlip', 'prob': 0.5, 'direction': 'vertical'},
)
NULL = {
    'table': 'classification',
    'ops': ('Identity', 'FlipLR', 'FlipUD', 'TranslateX', 'TranslateY'),
    'levels': (1, 1.5),  # both are one pixel
}


class Search:
    """A search of one setting, step by step, with what its steps told.

    Args:
        args: The command line.
        setting: ``B,L,M[,m]``.
        seed: The run's seed.
    """

    def __init__(self, args: argparse.Namespace, setting: str, seed: int) -> None:
        batch, policies, val_batch, self.reuse = _numbers(setting)
        config = load_config(args)
        if args.null:
            _make_null(config)
        optimizer = config.optim_wrapper.optimizer
        optimizer.lr *= batch / config.train_dataloader.batch_size
        config.train_dataloader.batch_size = batch
        config.train_cfg.num_policies = policies
        config.train_cfg.policy_dataloader.batch_size = val_batch
        config.randomness = {'seed': seed}
        config.log_level = 'ERROR'
        with redirect_stdout(None):
            self.loop = _ready_loop(config)
        self.planted = config.planted
        self.lr = optimizer.lr
        self.batches = self._batches()
        self._reuse_gradient()

    def _batches(self) -> Iterator[tuple[Any, Any]]:
        val = iter(self.loop.val_loader)
        number = count()
        for epoch in count():
            self.loop.dataloader.batch_sampler.sampler.set_epoch(epoch)
            for data in self.loop.dataloader:
                again = next(number) % self.reuse
                yield data, (None if again else next(val))

    def _reuse_gradient(self) -> None:
        gradients = self.loop.gradients
        compute, kept = gradients._compute, torch.empty_like(gradients.val_grad.flat)

        def reused(batch: Any, into: Any) -> Any:
            if batch is None:
                return into.flat.copy_(kept)
            losses = compute(batch, into)
            if into is gradients.val_grad and self.reuse > 1:
                kept.copy_(into.flat)
            return losses

        gradients._compute = reused

    def train(self) -> None:
        """Train the network without policies."""
        loop, wrapper = self.loop, self.loop.runner.optim_wrapper
        for step in range(TRAINING):
            for group in wrapper.optimizer.param_groups:
                group['lr'] = self.lr * min(1, (step + 1) / WARM_UP)
            images = next(self.batches)[0]['views'][0]
            module = loop.gradients.module
            loss, _ = compute_loss(module, images, channels_last=loop.channels_last)
            wrapper.update_params(loss)

    def run(self, steps: int) -> None:
        """Take some steps of the search."""
        for _ in range(steps):
            data, val = next(self.batches)
            self.loop.search_step(data['views'], data['policies'], val)
        self.loop.step_log.read()

    def result(self) -> dict[str, Any]:
        """Return what is told apart; z and rank of the planted candidate, its p_o."""
        history, labels = self.loop.step_log.history, self.loop.space.labels
        facts = {**history, 'num_candidates': len(labels)}
        estimated = estimate_effects(**facts)
        effects = effects_to_list(estimated, labels)
        found: dict[str, Any] = {
            'steps': len(history['policies']),
            'told': {
                e['candidate']: e['verdict'] for e in effects if e['verdict'] != UNKNOWN
            },
            'doubts': doubts(effects),
        }
        if self.planted in labels:
            place, z = labels.index(self.planted), evidence(**facts)
            probs = self.loop.policy.op_probs.detach().numpy()
            found['z'] = z[place]
            found['over_noise'] = estimated.mean[place] / np.median(estimated.std_error)
            found['rank'] = int((z > z[place]).sum()) + 1
            found['ratio'] = probs[place] / np.delete(probs, place).max()
        return found


def _make_null(config: Any) -> None:
    loader, search = config.train_dataloader, config.train_cfg
    loading, augment, packing = loader.dataset.pipeline
    loader.dataset.pipeline = [loading, augment, *CHANCE, packing]
    search.space = {**NULL, 'depth': search.space.get('depth', 2)}
    search.policy_dataloader.dataset.pipeline = [loading, packing]


def _numbers(setting: str) -> list[int]:
    numbers = [int(number) for number in setting.split(',')]
    return numbers if len(numbers) == 4 else [*numbers, 1]


def _ready_loop(config: Any) -> DDASLoop:
    runner = build_runner(config)
    runner._train_loop = loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner._init_model_weights()
    runner.model.train()
    loop.prepare()
    return loop


def evidence(policies: Any, alignments: Any, num_candidates: int) -> Any:
    """Return z of each candidate, (K,), for policies of one operation.

    Under no effect the sums of ``r`` over a step have zero mean; steps are independent.

    Args:
        policies: (T, L, 1) candidate indices.
        alignments: (T, L) ``d_l``.
        num_candidates: K.
    """
    size = np.abs(alignments).mean(axis=1, keepdims=True)
    effects = np.divide(
        -alignments, size, out=np.zeros_like(alignments), where=size > 0
    )
    drawn = policies == np.arange(num_candidates)  # (T, L, K)
    sums = np.einsum('tlk,tl->tk', drawn, effects)
    root = np.sqrt((sums**2).sum(axis=0))
    return sums.sum(axis=0) / np.where(root > 0, root, np.inf)


def trained(args: argparse.Namespace, seed: int) -> dict[str, Any]:
    """Return the network that all searches of a seed begin at."""
    path = args.out.with_name(f'{Path(args.config).stem}_{seed}.pth')
    if not path.is_file():
        batch = load_config(args).train_dataloader.batch_size
        search = Search(args, f'{batch},1,{batch}', seed)
        search.train()
        torch.save(search.loop.runner.model.state_dict(), path)
    return torch.load(path)


def seconds_per_step(args: argparse.Namespace) -> dict[str, float]:
    """Return processor seconds per step of each setting: medians of rounds in turn."""
    searches = {setting: Search(args, setting, 0) for setting in args.settings}
    spent: dict[str, list[float]] = {setting: [] for setting in searches}
    for round_number in range(ROUNDS + 1):
        for setting, search in searches.items():
            start = time.process_time()
            search.run(TIMED)
            if round_number:
                spent[setting].append((time.process_time() - start) / TIMED)
    return {setting: statistics.median(times) for setting, times in spent.items()}


def main() -> None:
    """Read the command line and measure."""
    parser = ToolParser(__doc__)
    add_common_arguments(parser)
    add = parser.add_argument
    add('--settings', nargs='+', required=True, metavar='B,L,M[,m]')
    add('--seeds', nargs='*', type=int, default=list(range(5)), help='none: time alone')
    add('--steps', type=int, default=100, help='of each search')
    add('--out', type=Path, default=Path('work_dirs/evidence.jsonl'))
    add('--null', action='store_true', help='none has an effect (CIFAR-10)')
    add('--smoke', action='store_true', help='one search of a few steps each')
    args = parser.parse_args()
    if args.smoke:
        args.seeds, args.steps = [0], 4
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as args.work_dir:
        measure(args)


def measure(args: argparse.Namespace) -> None:
    """Measure what the file of results lacks."""
    args.out.parent.mkdir(parents=True, exist_ok=True)
    lines = args.out.read_text().splitlines() if args.out.is_file() else []
    done = [json.loads(line) for line in lines]
    name = Path(args.config).stem + ('_null' if args.null else '')

    def add_line(**values: Any) -> None:
        done.append({'config': name, **values})
        with args.out.open('a') as file:
            print(json.dumps(done[-1], default=float), file=file)

    def known(**values: Any) -> list[dict[str, Any]]:
        wanted = {'config': name, **values}
        return [line for line in done if wanted.items() <= line.items()]

    everything = args.settings
    args.settings = [s for s in everything if not known(kind='time', setting=s)]
    if args.settings:
        for setting, value in seconds_per_step(args).items():
            add_line(kind='time', setting=setting, step=value)
    for seed in args.seeds:
        for setting in everything:
            facts = {'setting': setting, 'seed': seed}
            if known(kind='search', **facts):
                continue
            search = Search(args, setting, seed)
            if not args.null:
                search.loop.runner.model.load_state_dict(trained(args, seed))
            search.run(args.steps)
            add_line(kind='search', **facts, **search.result())
            print(done[-1], flush=True)
    for setting in everything:
        step = known(kind='time', setting=setting)[0]['step']
        found = known(kind='search', setting=setting)
        told = sum(bool(line['told']) for line in found)
        control = sum('Identity' in str(line['doubts']) for line in found)
        cells = [name, setting, f'{step:.3f}', len(found), told, control]
        minute = [r['z'] * (60 / r['steps'] / step) ** 0.5 for r in found if 'z' in r]
        if minute:
            cells.append(f'{statistics.mean(minute):.2f}')
            cells.append(f'{min(minute):.2f} to {max(minute):.2f}')
        print(f'| {" | ".join(map(str, cells))} |')


if __name__ == '__main__':
    run_tool(main)
