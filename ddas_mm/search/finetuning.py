"""A trained network, fine-tuned with each operation of a space alone, or at rates."""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
from mmengine.optim import LinearLR, OptimWrapper
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from ddas_mm.augment.progress import CLOCK
from ddas_mm.augment.transform import split_pipeline
from ddas_mm.errors import SettingError
from ddas_mm.policy import PolicySchedule, SearchSpace
from ddas_mm.randomness import seed_step
from ddas_mm.search.data import build_dataset

NONE, IDENTITY = 'none', 'Identity'
SHARE = 0.5  # of the images that an operation acts on
LR_SCALE = 0.2  # of a trained network's learning rate, relative to its training's


def one_by_one(space: SearchSpace) -> tuple[list[str], PolicySchedule]:
    """Return the operations of a space, and a policy with a row for each of them.

    Args:
        space: The search space.

    Returns:
        R names, the first of them :data:`NONE`, and as many rows: of no image, and of
        half of the images augmented by one operation, at a level drawn uniformly.
    """
    named = [name for name, _ in space.candidates]
    names = [NONE, *(name for name in dict.fromkeys(named) if name != IDENTITY)]
    rows: list[tuple[float, Any]] = [(0.0, np.full(len(named), 1 / len(named)))]
    for name in names[1:]:
        levels = np.array([name == other for other in named])
        rows.append((SHARE, levels / levels.sum()))
    return names, PolicySchedule.from_snapshots(replace(space, depth=1), rows)


def at_rates(
    space: SearchSpace, rates: Sequence[float]
) -> tuple[list[str], PolicySchedule]:
    """Return rates of augmentation, and a policy with a row for each of them.

    Args:
        space: The search space, of K candidates.
        rates: R values of p_tp, in (0, 1].

    Returns:
        R + 1 names, the first of them :data:`NONE`, and as many rows: of no image, and
        of all candidates alike at each rate.
    """
    alike = np.full(len(space), 1 / len(space))
    rows = [(rate, alike) for rate in (0.0, *rates)]
    names = [NONE, *(f'p_tp {rate:g}' for rate in rates)]
    return names, PolicySchedule.from_snapshots(space, rows)


class FineTuning:
    """Fine-tunings of one network, each from the same start.

    The network of each is a copy, whole: weights, buffers, and whatever its layers
    keep; so is the data set, whose steps may keep something too. Optimiser and loss
    scale begin anew. With one seed all see the same images in the same order, and
    their networks draw alike.

    Args:
        runner: Of the training; its model is the network, which stays as it is. Rows
            of the policy in its pipeline are chosen by the clock of DDASAugment.
        rows: How many rows the policy has.
        lr_scale: The learning rate at the first step, as a share of the training's
            own; it falls to zero in a line.

    Raises:
        SettingError: If there is no data.
    """

    def __init__(self, runner: Runner, rows: int, lr_scale: float) -> None:
        self.runner, self.rows, self.lr_scale = runner, rows, lr_scale
        self.start, self.optimizer = runner.model, runner.optim_wrapper
        self.loader: dict[str, Any] = dict(runner.cfg.train_dataloader)
        self.loader['persistent_workers'] = self.loader.get('num_workers', 0) > 0
        name = 'train_dataloader.dataset'
        self.loader['dataset'] = build_dataset(self.loader['dataset'], name)
        self.epoch = len(self._load(0))  # mini-batches
        if not self.epoch:
            raise SettingError(
                f'train_dataloader has no mini-batch: {name} holds '
                f'{len(self.loader["dataset"])} images, less than batch_size'
            )

    def _load(self, seed: int) -> DataLoader:
        return Runner.build_dataloader(self.loader, seed=seed)  # a copy of its data set

    def tune(self, row: int, seed: int, steps: int) -> Any:
        """Return the network after fine-tuning with one row of the policy.

        Args:
            row: Number of the row.
            seed: Seed of all randomness.
            steps: Mini-batches.

        Raises:
            SettingError: If there is more than one optimiser.
        """
        runner = self.runner
        runner.model = model = copy.deepcopy(self.start)
        wrapper = runner.build_optim_wrapper(copy.deepcopy(self.optimizer))
        if not isinstance(wrapper, OptimWrapper):
            raise SettingError(
                'optim_wrapper has several optimisers; fine-tuning knows trainings '
                'with one'
            )
        runner.scale_lr(wrapper, runner.auto_scale_lr)
        decay = LinearLR(wrapper, self.lr_scale, 0, end=steps + 1, by_epoch=False)
        wrapper.initialize_count_status(model, 0, steps)
        model.train()
        CLOCK.reset()
        CLOCK.set(row, self.rows)
        try:
            batches = endless(self._load(seed))
            for step in range(steps):
                seed_step(seed, step, 0)
                model.train_step(next(batches), wrapper)
                decay.step()
        finally:
            CLOCK.reset()
        return model

    def evaluate(self, model: Any = None) -> dict[str, Any]:
        """Return the metrics of S_val, by the evaluation of the training.

        Args:
            model: The network; a copy of the one that all begin from if not given.
        """
        self.runner.model = copy.deepcopy(self.start) if model is None else model
        with contextlib.redirect_stdout(io.StringIO()):  # COCO's tables
            return self.runner.val()


def first_loaded(dataset: Any) -> dict[str, Any]:
    """Return mm's dict of an image before DDASAugment, {} if there is none."""
    while hasattr(dataset, 'datasets') or hasattr(dataset, 'dataset'):  # a wrapper
        dataset = getattr(dataset, 'dataset', None) or dataset.datasets[0]
    head, _ = split_pipeline(dataset.pipeline)
    loaded = (head(dataset.get_data_info(index)) for index in range(len(dataset)))
    return next(filter(None, loaded), {})


def endless(loader: DataLoader) -> Iterator[Any]:
    """Yield mini-batches, epoch after epoch, each in an order of its own."""
    samplers: Any = loader.sampler, getattr(loader.batch_sampler, 'sampler', None)
    for epoch in count():
        for sampler in samplers:
            if hasattr(sampler, 'set_epoch'):
                sampler.set_epoch(epoch)
        yield from loader
