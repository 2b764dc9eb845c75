"""The next batch on its way to the device while this one is worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor


def prefetched(batches: Iterable[Any], device: torch.device) -> Iterator[Any]:
    """Yield the batches; on CUDA, with the next one being copied to the device.

    The copies go on a stream of their own, from the pinned memory that the data
    loaders use there. On other devices batches are yielded as they come.

    Args:
        batches: Batches of tensors and data samples, nested as mm's are.
        device: The network's device.
    """
    if device.type != 'cuda':
        yield from batches
        return
    side = torch.cuda.Stream(device)
    mover = BaseDataPreprocessor(non_blocking=True).to(device)

    def start(batch: Any) -> Any:
        # Waits for the work on batches before: their memory may be taken again.
        side.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(side):
            return mover.cast_data(batch)

    def finish() -> None:
        torch.cuda.current_stream(device).wait_stream(side)

    yield from one_ahead(batches, start, finish)


def one_ahead(
    batches: Iterable[Any], start: Callable[[Any], Any], finish: Callable[[], None]
) -> Iterator[Any]:
    """Yield ``start(batch)`` of each batch, with the next one started before.

    Args:
        batches: What to go through.
        start: Begins to work on a batch; returns at once.
        finish: Waits for what was started.
    """
    iterator = iter(batches)
    try:
        ready = start(next(iterator))
    except StopIteration:
        return
    for batch in iterator:
        finish()
        following = start(batch)
        yield ready
        ready = following
    finish()
    yield ready
