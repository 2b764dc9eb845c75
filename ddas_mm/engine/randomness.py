"""The seeds of a search: one for the run, one for every step and rank."""

from __future__ import annotations

import torch
from mmengine.runner import Runner

from ddas_mm.data.generators import seed_generators
from ddas_mm.data.streams import STEP


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
