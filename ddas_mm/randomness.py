"""The random streams: seeds of a run, keys of its parts, generators kept and seeded."""

import random  # noqa: TID251  the steps of mm's pipelines draw from it
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from mmengine.runner import Runner

POLICIES = 1  # of a mini-batch: epoch
VAL_ORDER = 2  # of S_val: pass
VAL_IMAGE = 3  # steps of S_val, if they draw: index
HEAD = 4  # steps before DDASAugment: epoch, index
OPERATIONS = 5  # of a policy: epoch, index, view
TAIL = 6  # steps after DDASAugment: epoch, index, view
REFETCH = 7  # images for one that cannot be used: epoch, index
STEP = 8  # what the network draws: step, rank
REPLAY = 9  # what DDASAugment draws in a training: rank, clock or not, number
PROBE = 10  # what is tried before the first step, whatever the run's seed: try
FIXED = 11  # steps of S_val that draw once per image, whatever the run's seed: image


def seed_generators(*key: int) -> None:
    """Seed the global generators that mm's pipelines draw from."""
    seed = int(np.random.SeedSequence(key).generate_state(1)[0])
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed also queues CUDA's


def generator_states() -> tuple[Any, Any, torch.Tensor]:
    """Return the states of the global generators, which every draw changes."""
    return np.random.get_state(), random.getstate(), torch.get_rng_state()  # noqa: NPY002


@contextmanager
def generators_kept() -> Iterator[None]:
    """Give the global generators back as they were: dropout draws from them too."""
    state = generator_states()
    try:
        yield
    finally:
        np.random.set_state(state[0])  # noqa: NPY002
        random.setstate(state[1])
        torch.set_rng_state(state[2])


def shared_seed(runner: Runner) -> int:
    """Return the run's seed without what ``diff_rank_seed`` adds to it."""
    different = runner._randomness_cfg.get('diff_rank_seed', False)
    return runner.seed - (runner.rank if different else 0)


def seed_step(seed: int, step: int, rank: int) -> None:
    """Key what the network draws (dropout, sampled boxes) by seed, step and rank.

    So a resumed search draws the same, without the state of any generator.

    Args:
        seed: The run's seed, equal on all ranks.
        step: Steps done before this one.
        rank: This process' rank.
    """
    seed_generators(seed, STEP, step, rank)
    if torch.cuda.is_available():
        torch.cuda.manual_seed(torch.initial_seed())
