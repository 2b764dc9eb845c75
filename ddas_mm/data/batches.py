"""Which iteration a worker's mini-batch is for.

In an iteration-based training the workers prefetch, so that the trainer's iteration is
behind theirs, by a number that depends on timing: two runs would not feed the same
images. But workers take mini-batches in turn. Each knows by counting its own ones,
since the loader began its present pass, which iteration they are for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, get_worker_info

from ddas_mm.data.clock import ProgressClock


class BatchClock(ProgressClock):
    """The clock of an iteration-based training, exact in the workers too.

    Args:
        trainer: The clock that the trainer sets.
        first: Iteration that the loader's first mini-batch is for.
        per_pass: Mini-batches in one pass over the data.
    """

    def __init__(self, trainer: ProgressClock, first: int, per_pass: int) -> None:
        super().__init__()
        self._now, self._starts = trainer._now, trainer._starts
        self.first, self.per_pass = first, per_pass
        self._passes = torch.zeros(1, dtype=torch.int64).share_memory_()
        self._pass = self._batches = 0  # this worker's

    def begin_pass(self) -> None:
        """Begin a pass over the data; called in the trainer's process."""
        self._passes += 1

    def end_batch(self) -> None:
        """Count one mini-batch of the calling worker."""
        self._batches += 1

    @property
    def step(self) -> int:
        """The iteration that the caller's mini-batch is for."""
        worker = get_worker_info()
        if worker is None:
            return super().step
        # A pass begins before its indices are sent, and ends after its last batch
        # has arrived: worker and trainer agree on the number.
        number = int(self._passes.item())
        if number != self._pass:
            self._pass, self._batches = number, 0
        before = self.first + max(number - 1, 0) * self.per_pass
        return before + self._batches * worker.num_workers + worker.id

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
        self.clock.end_batch()
        return batch


class CountedPasses:
    """A sampler that tells the clock when the loader begins a pass."""

    def __init__(self, sampler: Any, clock: BatchClock) -> None:
        self.sampler, self.clock = sampler, clock

    def __iter__(self) -> Iterator[Any]:
        self.clock.begin_pass()
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
