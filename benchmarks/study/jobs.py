"""What a part of the study is made of: jobs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

RATES = 0.0, 0.35, 0.7, 1.0  # of part R


@dataclass(frozen=True)
class Job:
    """One search, training or measurement.

    Attributes:
        name: Its key in the results.
        part: The file of its result.
        kind: ``search``, ``train`` or ``rank``; of detection with ``digits_`` or
            ``cells_`` before it.
        seed: Seed of all its randomness.
        tags: What a table groups it by.
        setup: What it is done with; see ``work.py`` and ``detection_work.py``.
        needs: Names of jobs that must be done before.
    """

    name: str
    part: str
    kind: str
    seed: int
    tags: dict[str, Any]
    setup: dict[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


def uniform(total_prob: float, **space: Any) -> dict[str, Any]:
    """Return a policy that prefers nothing."""
    return {'space': space, 'total_prob': total_prob}


def found(search: str, emit: str = 'learned', **how: Any) -> dict[str, Any]:
    """Return a reference to what a search finds."""
    return {'search': search, 'emit': emit, **how}


def new_job(
    part: str, kind: str, seed: int, needs: Any, setup: Any, **tags: Any
) -> Job:
    """Return a job, named after its tags."""
    words = [re.sub(r'[^\w.]+', '-', str(value)) for value in tags.values()]
    name = '_'.join([part, *words, f'seed{seed}'])
    return Job(name, part, kind, seed, tags, setup, tuple(needs))
