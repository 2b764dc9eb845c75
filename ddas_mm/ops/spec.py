"""What a row of an operation table says: a kernel and a map of its levels."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

from ddas_mm.ops import kernels
from ddas_mm.ops.constants import Constants
from ddas_mm.ops.kernels import Kernel, PerBox, Pixels, Rng

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


def check_level(level: Any) -> None:
    """Refuse levels that no map can take.

    Raises:
        ValueError: ``level`` is negative, or no finite number.
    """
    if not (isinstance(level, Real) and 0 <= float(level) < math.inf):
        raise ValueError(f'level must be a finite number >= 0, but got {level!r}')


_PAINTERS = (
    *(kernels.identity, kernels.cutout, kernels.scaled_cutout),
    kernels.box_cutout,
)


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
    def _inner(self) -> Kernel:
        return self.kernel.kernel if isinstance(self.kernel, PerBox) else self.kernel

    @property
    def moves(self) -> bool:
        """Whether what lies on the image may move; of other kernels it is not known."""
        return not (isinstance(self._inner, Pixels) or self._inner in _PAINTERS)

    def lacks(self, channels: int, wide: bool) -> str:
        """Return what an image lacks for this operation to mean something, or ''.

        Args:
            channels: Of the image.
            wide: Whether it has 16 bits instead of 8.
        """
        kernel = self._inner
        if not isinstance(kernel, Pixels):
            return ''
        if kernel.colour and channels != 3:
            return 'three channels'
        return '8 bits' if wide and not kernel.wide else ''

    @property
    def acts_by_box(self) -> bool:
        """Whether it does nothing to an image without boxes."""
        return isinstance(self.kernel, PerBox) or self.kernel is kernels.box_cutout

    @property
    def needs_boxes(self) -> bool:
        """Whether it has to know where the boxes are."""
        return self.acts_by_box or self.moves

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


def whole_image(name: str, kernel: Kernel, level_map: LevelMap | None = None) -> OpSpec:
    """Return the row of an operation that moves the image with all that lies on it.

    Where it has levels their sign is random.
    """
    signed = level_map is not None
    return OpSpec(name, kernel, level_map, signed=signed, moves_boxes=True)
