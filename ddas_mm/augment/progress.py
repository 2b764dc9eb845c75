"""How far a training is, told to the data loader's workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from torch.utils.data import DataLoader, get_worker_info

from ddas_mm.randomness import REPLAY

MAX_WORKERS = 1024


def _row_of_worker() -> int:
    worker = get_worker_info()
    return 0 if worker is None else worker.id % MAX_WORKERS + 1


class ProgressClock:
    """The step that a training is at, and this process's random stream for it.

    A step is an epoch, or an iteration of an iteration-based training.
    """

    def __init__(self) -> None:
        # The step, and how many there are: none where nobody drives the clock.
        self._now = torch.zeros(2, dtype=torch.int64).share_memory_()
        # How often each worker was started without a clock that runs.
        self._starts = torch.zeros(MAX_WORKERS + 1, dtype=torch.int64).share_memory_()
        self._stream: np.random.Generator | None = None
        self._stream_key: tuple[int, int] | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> ProgressClock:
        return self

    def set(self, step: int, steps: int) -> None:
        """Set the training's step, counted from 0, and how many it has."""
        self._now[0] = step
        self._now[1] = steps

    def reset(self) -> None:
        """Forget step and random streams: a training begins or has ended."""
        self._now.zero_()
        self._starts.zero_()
        self._stream_key = None

    @property
    def is_set(self) -> bool:
        """Whether a hook drives the clock."""
        return self._now[1].item() > 0

    @property
    def step(self) -> int:
        """The step that the caller's data are for."""
        return int(self._now[0].item())

    @property
    def steps(self) -> int:
        """How many steps the training has."""
        return int(self._now[1].item())

    @property
    def seed(self) -> int:
        """What tells this process's random stream from those of other workers."""
        return torch.initial_seed()

    def generator(self) -> np.random.Generator:
        """Return the calling process's random stream for the present step.

        It differs between ranks, workers and steps, and is the same in a second run
        with the same seed and number of workers. Where workers restart every epoch,
        MMEngine seeds them alike each time: the step makes their streams differ, or,
        in a training without DDASHook, how often the worker was started.
        """
        is_set = self.is_set
        key = os.getpid(), self.step if is_set else -1
        if self._stream is None or key != self._stream_key:
            if not is_set:
                self._starts[_row_of_worker()] += 1
            number = key[1] if is_set else self._starts[_row_of_worker()].item()
            entropy = [self.seed, REPLAY, get_rank(), int(is_set), int(number)]
            self._stream, self._stream_key = np.random.default_rng(entropy), key
        return self._stream


class ImageCounts:
    """How many images a transform has seen, and augmented, in all processes.

    Each worker writes to a row of its own, so that no lock is needed and no image is
    lost.
    """

    def __init__(self) -> None:
        counts = torch.zeros((MAX_WORKERS + 1, 2), dtype=torch.int64)
        self._counts = counts.share_memory_()
        self._taken = torch.zeros(2, dtype=torch.int64)

    def __deepcopy__(self, memo: dict[int, Any]) -> ImageCounts:
        return self

    def add(self, augmented: bool) -> None:
        """Count one image of the calling worker."""
        row = self._counts[_row_of_worker()]
        row[0] += 1
        row[1] += int(augmented)

    def take(self) -> torch.Tensor:
        """Return (2,) int64: images seen and augmented since the last call."""
        counts = self._counts.sum(dim=0)
        new, self._taken = counts - self._taken, counts
        return new


CLOCK = ProgressClock()


class BatchClock(ProgressClock):
    """The clock of an iteration-based training, exact in the workers too.

    Args:
        trainer: The clock that the trainer sets.
        first: Iteration that the loader's first mini-batch is for.
        per_pass: Mini-batches in one pass over the data.

    Attributes:
        passes: Passes over the data that the trainer's process has begun.
        batches: Mini-batches of the present pass that this worker has made.
    """

    def __init__(self, trainer: ProgressClock, first: int, per_pass: int) -> None:
        super().__init__()
        self._now, self._starts = trainer._now, trainer._starts
        self.first, self.per_pass = first, per_pass
        self.passes = torch.zeros(1, dtype=torch.int64).share_memory_()
        self.batches = self._pass = 0  # this worker's

    @property
    def step(self) -> int:
        """The iteration that the caller's mini-batch is for."""
        worker = get_worker_info()
        if worker is None:
            return super().step
        # A pass begins before its indices are sent, and ends after its last batch
        # has arrived: worker and trainer agree on the number.
        number = int(self.passes.item())
        if number != self._pass:
            self._pass, self.batches = number, 0
        before = self.first + max(number - 1, 0) * self.per_pass
        return before + self.batches * worker.num_workers + worker.id

    @property
    def seed(self) -> int:
        """The seed without the worker, which the iteration stands for.

        After a resume another worker may take the iteration.
        """
        worker = get_worker_info()
        return torch.initial_seed() - (0 if worker is None else worker.id)


class CountedCollate:
    """A collate function that counts the worker's mini-batches."""

    def __init__(self, collate: Callable[[Any], Any], clock: BatchClock) -> None:
        self.collate, self.clock = collate, clock

    def __call__(self, samples: Any) -> Any:
        """Make a mini-batch and count it."""
        batch = self.collate(samples)
        self.clock.batches += 1
        return batch


class CountedPasses:
    """A sampler that tells the clock when the loader begins a pass."""

    def __init__(self, sampler: Any, clock: BatchClock) -> None:
        self.sampler, self.clock = sampler, clock

    def __iter__(self) -> Iterator[Any]:
        self.clock.passes += 1
        return iter(self.sampler)

    def __len__(self) -> int:
        return len(self.sampler)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__['sampler'], name)


def count_batches(loader: DataLoader, clock: BatchClock) -> None:
    """Let a loader, whose workers have not started yet, drive a clock."""
    collate, sampler = loader.collate_fn, loader.batch_sampler.sampler
    if isinstance(collate, CountedCollate):  # the loader of an earlier training
        collate, sampler = collate.collate, sampler.sampler
    loader.collate_fn = CountedCollate(collate, clock)
    loader.batch_sampler.sampler = CountedPasses(sampler, clock)
