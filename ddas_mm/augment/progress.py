"""How far a training is, told to the data loader's workers."""

import os
from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from torch.utils.data import DataLoader, get_worker_info

from ddas_mm.randomness import REPLAY

MAX_WORKERS = 1024  # whose counts are kept apart


class ProgressClock:
    """The step that a training is at, and this process's random stream for it.

    A step is an epoch, or an iteration of an iteration-based training.

    Attributes:
        batch: In a worker of an iteration-based training, the iteration that its
            present mini-batch, which was asked for ahead, is for.
    """

    batch: int | None = None

    def __init__(self) -> None:
        # The step, and how many there are: none where nobody drives the clock.
        self._now = torch.zeros(2, dtype=torch.int64).share_memory_()
        self._stream: np.random.Generator
        self._stream_key: tuple[int, int] | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> 'ProgressClock':
        return self

    def set(self, step: int, steps: int) -> None:
        """Set the training's step, counted from 0, and how many it has."""
        self._now[0] = step
        self._now[1] = steps

    def reset(self) -> None:
        """Forget step and random streams: a training begins or has ended."""
        self._now.zero_()
        self._stream_key = ProgressClock.batch = None

    @property
    def is_set(self) -> bool:
        """Whether a hook drives the clock."""
        return self.steps > 0

    @property
    def step(self) -> int:
        """The step that the caller's data are for."""
        return int(self._now[0]) if self.batch is None else self.batch

    @property
    def steps(self) -> int:
        """How many steps the training has."""
        return int(self._now[1])

    def generator(self) -> np.random.Generator:
        """Return the calling process's random stream for the present step.

        It differs between ranks, workers and steps, and is the same in a second run
        with the same seed and number of workers. Where workers restart every epoch,
        MMEngine seeds them alike each time: the step makes their streams differ, or,
        in a training without DDASHook, the seed that torch draws for every start.
        """
        worker, is_set = get_worker_info(), self.is_set
        key = os.getpid(), self.step if is_set else -1
        if key != self._stream_key:
            seed, number = torch.initial_seed(), key[1]
            # whichever worker makes the batch, after a resume too
            if worker is not None and self.batch is not None:
                seed -= worker.id
            if not is_set:
                number = 0 if worker is None else worker.seed
            entropy = [seed, REPLAY, get_rank(), int(is_set), number]
            self._stream, self._stream_key = np.random.default_rng(entropy), key
        return self._stream


CLOCK = ProgressClock()


class ImageCounts:
    """How many images a transform has seen, and augmented, in all processes.

    Each worker writes to a row of its own, so that no lock is needed and no image is
    lost.
    """

    def __init__(self) -> None:
        counts = torch.zeros((MAX_WORKERS + 1, 2), dtype=torch.int64)
        self._counts = counts.share_memory_()
        self._taken = torch.zeros(2, dtype=torch.int64)

    def __deepcopy__(self, memo: dict[int, Any]) -> 'ImageCounts':
        return self

    def add(self, augmented: bool) -> None:
        """Count one image of the calling worker."""
        worker = get_worker_info()
        row = 0 if worker is None else worker.id % MAX_WORKERS + 1
        self._counts[row] += torch.tensor([1, int(augmented)])

    def take(self) -> torch.Tensor:
        """Return (2,) int64: images seen and augmented since the last call."""
        counts = self._counts.sum(dim=0)
        new, self._taken = counts - self._taken, counts
        return new


class NumberedBatch:
    """Indices of a mini-batch that tell the process which loads it what it is for."""

    def __init__(self, indices: list[int], number: int) -> None:
        self.indices, self.number = indices, number

    def __iter__(self) -> Iterator[int]:
        ProgressClock.batch = self.number
        return iter(self.indices)


class NumberedBatches:
    """A batch sampler that numbers its mini-batches, from one pass to the next.

    Args:
        batches: The batch sampler itself.
        first: Iteration that the first mini-batch is for.
    """

    def __init__(self, batches: Any, first: int) -> None:
        self.batches, self.numbers = batches, count(first)

    def __iter__(self) -> Iterator[NumberedBatch]:
        return map(NumberedBatch, self.batches, self.numbers)

    def __len__(self) -> int:
        return len(self.batches)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__['batches'], name)


def number_batches(loader: DataLoader, first: int) -> None:
    """Let a loader's workers, not started yet, know what each mini-batch is for."""
    batches = loader.batch_sampler
    if isinstance(batches, NumberedBatches):  # the loader of an earlier training
        batches = batches.batches
    # torch refuses to set it for the sake of workers that have started
    vars(loader)['batch_sampler'] = NumberedBatches(batches, first)
