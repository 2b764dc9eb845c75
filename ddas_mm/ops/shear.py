"""Horizontal shears: lines of pixels, each copied from its own place.

A vertical shear is one of the transposed image.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from .arrays import Array
from .grid import Grid, Row
from .place import Fill, Move, filled

Run = tuple[slice, slice, slice]
"""Lines, output columns and input columns that one copy moves."""


@lru_cache(maxsize=64)
def plan_shear(row: Row, grid: Grid, height: int, width: int) -> Move:
    """Return the function that shifts every line by its own number of pixels.

    ``row`` gives the input column. Lines with the same shift are copied together.
    """
    runs = [*_shifted_lines(row, grid, height, width)]
    # Copied last, and after the lines were cleared: they replace what went before.
    ties, tie_runs = _tied_lines(row, grid, height, width)

    def move(array: Array, fill: Fill) -> Array:
        out = filled(array, height, width, fill)
        for lines, target, source in runs:
            out[lines, target] = array[lines, source]
        if len(ties):
            out[ties] = filled(array, 1, width, fill)
        for lines, target, source in tie_runs:
            out[lines, target] = array[lines, source]
        return out

    return move


def _shifted_lines(row: Row, grid: Grid, height: int, width: int) -> Iterator[Run]:
    """Join lines with the same shift."""
    zero = np.zeros(1, dtype=np.int64)
    shifts = grid.index(row, zero, np.arange(height)).astype(np.int64)
    starts = [0, *(np.flatnonzero(np.diff(shifts)) + 1).tolist()]
    stops = [*starts[1:], height]
    for start, stop, shift in zip(starts, stops, shifts[starts].tolist(), strict=True):
        left, right = max(0, -shift), min(width, width - shift)
        if left < right:
            source = slice(left + shift, right + shift)
            yield slice(start, stop), slice(left, right), source


def _tied_lines(
    row: Row, grid: Grid, height: int, width: int
) -> tuple[Array, list[Run]]:
    """Cut lines whose shift changes on the way into pieces with one shift each."""
    ties = grid.ties(row, np.arange(height))
    if len(ties) == 0:
        return ties, []
    x = np.arange(width)
    index = grid.index(row, x, ties[:, None]).astype(np.int64)
    inside = (index >= 0) & (index < width)
    shift = np.where(inside, index - x, width)
    first = np.ones_like(inside)
    first[:, 1:] = shift[:, 1:] != shift[:, :-1]
    line, start = np.nonzero(first)
    stop = np.append(np.where(line[1:] == line[:-1], start[1:], width), width)
    pieces = zip(
        ties[line].tolist(),
        start.tolist(),
        stop.tolist(),
        shift[line, start].tolist(),
        strict=True,
    )
    return ties, [
        (slice(y, y + 1), slice(left, right), slice(left + move, right + move))
        for y, left, right, move in pieces
        if move != width
    ]
