"""The global generators that mm's pipelines draw from."""

from __future__ import annotations

import random  # noqa: TID251  the steps of mm's pipelines draw from it
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def seed_generators(*key: int) -> None:
    """Seed the global generators that mm's pipelines draw from."""
    seed = int(np.random.SeedSequence(key).generate_state(1)[0])
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed also queues CUDA's


@contextmanager
def generators_kept() -> Iterator[None]:
    """Give the global generators back as they were: dropout draws from them too."""
    state = np.random.get_state(), random.getstate(), torch.get_rng_state()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state[0])  # noqa: NPY002
        random.setstate(state[1])
        torch.set_rng_state(state[2])
