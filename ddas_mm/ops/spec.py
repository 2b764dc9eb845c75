"""One operation as one row of data."""

from __future__ import annotations

from dataclasses import dataclass

from .bbox_only import PerBox
from .constants import Constants
from .cutout import box_cutout, cutout, scaled_cutout
from .kernels import Kernel, Pixels, Rng, identity
from .levels import Level, LevelMap

_PAINTERS = (identity, cutout, scaled_cutout, box_cutout)


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

    @property
    def moves(self) -> bool:
        """Whether what lies on the image may move; of other kernels it is not known."""
        kernel = self.kernel.kernel if isinstance(self.kernel, PerBox) else self.kernel
        return not (isinstance(kernel, Pixels) or kernel in _PAINTERS)

    @property
    def needs_boxes(self) -> bool:
        """Whether it has to know where the boxes are."""
        by_box = isinstance(self.kernel, PerBox) or self.kernel is box_cutout
        return by_box or self.moves

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
