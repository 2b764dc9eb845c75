"""What a search step draws: images of S_train with policies, images of S_val."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import BatchSampler

from ddas_mm.policy import sample_policies
from ddas_mm.randomness import POLICIES, VAL_ORDER
from ddas_mm.search.views import ViewIndex


class PolicyBatchSampler:
    """Draws one set of policies for every mini-batch of another batch sampler.

    The policies come from a stream of seed and epoch: equal on all ranks, without
    communication.

    Args:
        batches: A batch sampler of plain indices.
        sampler: The sampler under it; brings ``seed`` and ``epoch``.
        num_candidates: K.
        num_policies: L.
        depth: Operations per policy, N_o.

    Attributes:
        candidates: Indices of those that are drawn; of an epoch when it begins.
    """

    def __init__(
        self,
        batches: BatchSampler,
        sampler: Any,
        num_candidates: int,
        num_policies: int,
        depth: int,
    ) -> None:
        self.batches = batches
        self.sampler = sampler
        self.candidates = np.arange(num_candidates)
        self.shape = num_policies, depth

    @property
    def batch_size(self) -> int:
        """Images per mini-batch."""
        return self.batches.batch_size

    def __iter__(self) -> Iterator[list[ViewIndex]]:
        epoch = self.sampler.epoch
        rng = np.random.default_rng([self.sampler.seed, POLICIES, epoch])
        for batch in self.batches:
            drawn = sample_policies(rng, len(self.candidates), *self.shape)
            policies = self.candidates[drawn].tolist()
            yield [ViewIndex(index, epoch, policies) for index in batch]

    def __len__(self) -> int:
        return len(self.batches)


class EndlessBatchSampler:
    """S_val's mini-batches, pass after pass, each pass shuffled anew.

    A pass is a permutation by seed and number, dealt to the ranks in turn,
    the remainder dropped. It never ends, so no worker waits at a wrap-around; a
    search takes one mini-batch a step, so that its iteration is the position.

    Args:
        size: Number of images in S_val.
        batch_size: Images per mini-batch and rank.
        seed: The run's seed.
        rank: This process' rank.
        world_size: Number of processes.
    """

    def __init__(
        self, size: int, batch_size: int, seed: int, rank: int = 0, world_size: int = 1
    ) -> None:
        self.size, self.batch_size, self.seed = size, batch_size, seed
        self.rank, self.world_size = rank, world_size
        self.batches_per_pass = size // world_size // batch_size
        self.position = 0

    def __iter__(self) -> Iterator[list[int]]:
        number, offset = divmod(self.position, self.batches_per_pass)
        while True:
            rng = np.random.default_rng([self.seed, VAL_ORDER, number])
            mine = rng.permutation(self.size)[self.rank :: self.world_size].tolist()
            for batch in range(offset, self.batches_per_pass):
                start = batch * self.batch_size
                yield mine[start : start + self.batch_size]
            number, offset = number + 1, 0
