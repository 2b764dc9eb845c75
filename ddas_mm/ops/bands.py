"""Bands of lines: keep temporary arrays small enough for the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator

_PIXELS = 1 << 16


def bands(height: int, width: int) -> Iterator[slice]:
    """Yield the rows of an image in slices of about 65,000 pixels.

    Fresh arrays of a megabyte cost more in page faults than the arithmetic in them.
    """
    step = max(1, _PIXELS // width)
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))
