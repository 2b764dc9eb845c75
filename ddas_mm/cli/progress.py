"""How far a long command is, told on stderr: stdout is for what it finds."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TypeVar

from mmengine.utils import track_iter_progress

INTERVAL = 30.0  # seconds between lines, where there is no terminal


T = TypeVar('T')


def track(items: Sequence[T], what: str) -> Iterator[T]:
    """Yield items, and tell how many are done, how fast, and the time to come.

    A terminal gets MMEngine's bar. A file or a pipe gets a line now and then, and so
    nothing of what is done soon.

    Args:
        items: What is to be done.
        what: What they are, for the reader.
    """
    if sys.stderr.isatty():
        print(f'{what}:', file=sys.stderr)
        yield from track_iter_progress(items, file=sys.stderr)
        return
    begun = told = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        now = time.monotonic()
        if now - told >= INTERVAL and done < len(items):
            told, rate = now, done / (now - begun)
            eta = timedelta(seconds=round((len(items) - done) / rate))
            print(
                f'{what}: {done}/{len(items)}, {rate:.3g} per s, ETA {eta}',
                file=sys.stderr,
                flush=True,
            )
