"""What a trained network makes of each candidate: losses, without a gradient."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ddas_mm.errors import SearchFailed
from ddas_mm.randomness import seed_step
from ddas_mm.search.data import prefetched
from ddas_mm.search.gradients import compute_loss
from ddas_mm.search.update import RunningStatistics

FEWEST = 8  # mini-batches, of which intervals come


def layers_at_rest(module: nn.Module) -> None:
    """Let dropout and its like rest, in place; all else works as in training.

    Only so do the heads of detectors compute what their losses are made of. BatchNorm
    goes by the mini-batch: by running statistics an operation that shifts colours looks
    far off the data, although a network gets used to it within steps.
    """
    module.train()
    for layer in module.modules():
        if next(layer.children(), None) is None and not isinstance(layer, _BatchNorm):
            layer.eval()


def draw_batches(size: int, number: int, most: int, seed: int) -> list[list[int]]:
    """Draw mini-batches of one size, over and over again from a small set.

    Args:
        size: Images that there are.
        number: Images that are wanted; the mini-batches are at least FEWEST.
        most: Images that a mini-batch holds, if there are so many.
        seed: Seed of the draw.
    """
    rng, each = np.random.default_rng(seed), min(most, size)
    wanted = max(number // each, FEWEST)
    batches: list[list[int]] = []
    while len(batches) < wanted:
        order = rng.permutation(size).tolist()
        batches += [order[i : i + each] for i in range(0, size - each + 1, each)]
    return batches[:wanted]


@torch.no_grad()
def candidate_losses(
    module: nn.Module,
    batches: Iterable[Any],
    labels: Sequence[str],
    seed: int,
    channels_last: bool = False,
) -> np.ndarray:
    """Return the losses of mini-batches as they are, and after each candidate alone.

    Args:
        module: An MMEngine model.
        batches: A loader of :func:`ddas_mm.search.data.build_candidate_loader`.
        labels: Names of the K candidates.
        seed: Seed of what the network draws, alike for all views of a mini-batch.
        channels_last: Whether to give images to the network in that layout.

    Returns:
        (2, K, M) losses of M mini-batches, plain and augmented.

    Raises:
        SearchFailed: If one is not finite.
    """
    device = next(module.parameters()).device
    statistics = RunningStatistics(module)
    found: list[list[list[float]]] = [[] for _ in labels]
    for number, data in enumerate(prefetched(batches, device)):
        losses = []
        for view in data['views']:
            seed_step(seed, number, 0)
            with statistics.kept():
                loss, _ = compute_loss(module, view, channels_last=channels_last)
            losses.append(loss)
        plain, *augmented = torch.stack(losses).tolist()
        for (k,), loss in zip(data['policies'].tolist(), augmented, strict=True):
            found[k].append([plain, loss])
            if not np.isfinite([plain, loss]).all():
                raise SearchFailed(
                    f'the loss is not finite: {plain:g} on the images as they are and '
                    f'{loss:g} after {labels[k]}; look at the checkpoint, or take the '
                    'candidate out of the space'
                )
    return np.array(found).transpose(2, 0, 1)
