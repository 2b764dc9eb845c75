"""What trainer and DataLoader workers share: progress one way, counts the other.

Workers hold a copy of the dataset made when they started, so a plain attribute
never reaches them. Shared memory does, whatever wraps the transform; the clock is
one per process and survives ``deepcopy`` (MMEngine copies data loader settings).
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.data import get_worker_info

UNSET = -1.0
MAX_WORKERS = 1024


class ProgressClock:
    """Training progress in [0, 1), the epoch, and counts of augmented images.

    Counts are kept per worker, each writing to its own row, so that no lock is
    needed and no image is lost.
    """

    def __init__(self) -> None:
        self._progress = torch.full((2,), UNSET, dtype=torch.float64).share_memory_()
        counts = torch.zeros((MAX_WORKERS + 1, 2), dtype=torch.int64)
        self._counts = counts.share_memory_()

    def __deepcopy__(self, memo: dict[int, Any]) -> ProgressClock:
        return self

    def set(self, progress: float, epoch: int) -> None:
        """Set the share of the training that is done, and the epoch."""
        self._progress[0] = progress
        self._progress[1] = epoch

    def reset(self) -> None:
        """Forget progress and counts: a new training begins."""
        self._progress.fill_(UNSET)
        self._counts.zero_()

    @property
    def is_set(self) -> bool:
        """Whether a hook drives the clock."""
        return self._progress[0].item() != UNSET

    @property
    def progress(self) -> float:
        """Share of the training in [0, 1), or -1 where nobody has set it."""
        return self._progress[0].item()

    @property
    def epoch(self) -> int:
        """Epoch of the training, counted from 0, or -1 where nobody has set it."""
        return int(self._progress[1].item())

    def count(self, augmented: bool) -> None:
        """Count one image of the calling worker."""
        worker = get_worker_info()
        row = self._counts[0 if worker is None else worker.id % MAX_WORKERS + 1]
        row[0] += 1
        row[1] += int(augmented)

    def read_counts(self) -> tuple[int, int]:
        """Return how many images were seen and how many of them augmented."""
        seen, augmented = self._counts.sum(dim=0).tolist()
        return seen, augmented


CLOCK = ProgressClock()
