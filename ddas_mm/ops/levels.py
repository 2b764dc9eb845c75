"""Level-to-argument maps: the numbers of the references, as data."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .constants import Constants

Level = int | float


@dataclass(frozen=True)
class LevelMap:
    """``argument = start + direction * level / 10 * at_ten``.

    Attributes:
        at_ten: Change from level 0 to level 10, in ``unit``; a string names the
            constant that holds it.
        unit: Unit of the argument.
        source: Where the numbers come from.
        start: Argument at level 0.
        whole: Truncate the change towards zero, as the reference's ``int()`` does.
        direction: +1, or -1 where the argument falls with the level.
    """

    at_ten: float | str
    unit: str
    source: str
    start: float = 0
    whole: bool = False
    direction: int = 1

    def __call__(self, level: Level, constants: Constants) -> float:
        """Return the unsigned argument of ``level``.

        Raises:
            ValueError: ``level`` is negative or not a finite number.
        """
        check_level(level)
        at_ten = self.at_ten
        if isinstance(at_ten, str):
            at_ten = getattr(constants, at_ten)
        # The references' order of operations: it decides where int() truncates.
        change = level / 10 * at_ten
        return self.start + self.direction * (int(change) if self.whole else change)


def check_level(level: Level) -> None:
    """Refuse levels that no map can take.

    Raises:
        ValueError: ``level`` is negative, or no finite number.
    """
    try:
        valid = math.isfinite(level) and level >= 0
    except TypeError:
        valid = False
    if not valid:
        raise ValueError(f'level must be a finite number >= 0, but got {level!r}')
