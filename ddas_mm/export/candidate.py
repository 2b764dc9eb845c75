"""What a candidate asks of another library, and what that answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ddas_mm.ops import Constants, get_op


@dataclass(frozen=True)
class Wanted:
    """One candidate, as a target has to do it.

    Attributes:
        name: The operation, without the suffix of those that move boxes.
        argument: What the level means, unsigned; 0 without a level.
        signed: Whether its sign is random.
        constants: Settings of the candidate's table.
        size: Width and height in pixels of the images that absolute pixels refer to.
    """

    name: str
    argument: float
    signed: bool
    constants: Constants
    size: tuple[int, int]

    @classmethod
    def of(
        cls, candidate: tuple[str, Any], constants: Constants, size: tuple[int, int]
    ) -> Wanted:
        """Return what a candidate of a policy asks for."""
        name, level = candidate
        spec = get_op(constants.table, name)
        argument = spec.level_map(level, constants) if spec.level_map else 0
        return cls(name.removesuffix('_BBox'), argument, spec.signed, constants, size)

    def fraction(self, axis: int) -> float:
        """Return a shift or a side as a share of the image's width (0) or height (1).

        The classification table's pixels are those of an image of ``reference_side``.
        """
        return self.argument / (self.constants.reference_side or self.size[axis])

    @property
    def fill(self) -> int | tuple[int, int, int]:
        """Colour from outside of the image, in its channel order."""
        colour = self.constants.fill_colour
        return colour[0] if len(set(colour)) == 1 else colour

    @property
    def cutout_fill(self) -> tuple[int, int, int]:
        """Colour of squares that are cut out, in the image's channel order."""
        return self.constants.cutout_colour

    @property
    def side(self) -> int:
        """Side in pixels of a square that is cut out."""
        if self.constants.table == 'detection':
            return 2 * int(self.argument)
        return round(self.fraction(0) * min(self.size))

    @property
    def degrees(self) -> float:
        """The angle of a shear."""
        return math.degrees(math.atan(self.argument))

    @property
    def bits(self) -> int:
        """Bits that Posterize keeps, at least one."""
        return max(int(self.argument), 1)


@dataclass(frozen=True)
class Call:
    """A target's operation.

    Attributes:
        name: The class.
        arguments: Its arguments.
        note: In what it differs from ours; empty where it does not.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    note: str = ''


def alone(_: Wanted) -> list[Call]:
    """Leave the image alone."""
    return []


Make = Callable[[Wanted], 'list[Call] | None']


Table = Mapping[str, Make]
