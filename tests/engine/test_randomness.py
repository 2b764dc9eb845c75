"""What the network draws is keyed by seed, step and rank, and nothing else."""

import random  # noqa: TID251  mm's steps draw from it
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ddas_mm.randomness import seed_step, shared_seed


def drawn(*key):
    seed_step(*key)
    return np.random.rand(), random.random(), torch.rand(()).item()  # noqa: NPY002


def test_every_part_of_the_key_counts():
    first = drawn(3, 5, 0)
    assert drawn(3, 5, 0) == first
    for other in ((4, 5, 0), (3, 6, 0), (3, 5, 1)):
        assert not set(drawn(*other)) & set(first)


@pytest.mark.parametrize('different', [True, False])
def test_seed_is_that_of_all_ranks(different):
    runner = SimpleNamespace(
        seed=7 + 2 * different, rank=2, _randomness_cfg={'diff_rank_seed': different}
    )
    assert shared_seed(runner) == 7
