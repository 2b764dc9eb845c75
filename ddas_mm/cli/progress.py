"""How far a long command is, told on stderr: stdout is for what it finds."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

INTERVAL = 30.0  # seconds between lines, where there is no terminal
T = TypeVar('T')


def track(items: Sequence[T], what: str) -> Iterator[T]:
    """Yield items, and tell how many are done, and the time to come.

    A terminal gets a bar. A file or a pipe gets a line now and then, and so nothing of
    what is done soon.

    Args:
        items: What is to be done.
        what: What they are, for the reader.
    """
    console, told = Console(stderr=True), time.monotonic()
    terminal = console.is_terminal
    columns = ['{task.description}:', MofNCompleteColumn(), TimeRemainingColumn()]
    with Progress(
        *(columns + [BarColumn()] * terminal),
        console=console,
        auto_refresh=terminal,
        disable=not terminal,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as progress:
        for item in progress.track(items, description=what):
            if not terminal and time.monotonic() - told >= INTERVAL:
                told = time.monotonic()
                console.print(progress)
            yield item
