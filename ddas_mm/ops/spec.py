"""One operation as one row of data."""

from __future__ import annotations

from dataclasses import dataclass

from .constants import Constants
from .kernels import Kernel, Rng
from .levels import Level, LevelMap


@dataclass(frozen=True)
class OpSpec:
    """A row of an operation table; picklable, so that spawned workers get it.

    Attributes:
        name: Name in spaces, policies and configs.
        kernel: Does the work; see :class:`~.kernels.Kernel`.
        level_map: Level to argument, with unit and source; None for operations
            without a magnitude.
        signed: Negate the argument with probability 1/2, drawn before anything else.
        moves_boxes: Whether boxes, masks and segmentation map of the image move.
    """

    name: str
    kernel: Kernel
    level_map: LevelMap | None = None
    signed: bool = False
    moves_boxes: bool = False

    def __post_init__(self) -> None:
        if self.signed and self.level_map is None:
            raise ValueError(
                f'{self.name}: signed needs a level_map, there is nothing to negate'
            )

    @property
    def takes_level(self) -> bool:
        """Whether a candidate of this operation carries a level."""
        return self.level_map is not None

    def argument(
        self, level: Level | None, rng: Rng, constants: Constants
    ) -> float | None:
        """Return the kernel's argument; draws the sign where the row has one.

        Raises:
            ValueError: A level is missing, not wanted, negative or not finite.
        """
        if self.level_map is None:
            if level is not None:
                raise ValueError(
                    f'{self.name} takes no level: expected None, but got {level!r}'
                )
            return None
        if level is None:
            raise ValueError(f'{self.name} takes a level: expected a number, got None')
        argument = self.level_map(level, constants)
        return -argument if self.signed and rng.random() < 0.5 else argument
