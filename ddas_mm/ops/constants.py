"""The numbers of a table that are settings, not levels."""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

Colour = int | tuple[int, int, int]
CONSTANT_DEFAULTS: dict[str, dict[str, Any]] = {
    'classification': {
        'fill': 0,  # PIL's default
        'cutout_fill': (125, 122, 113),  # DDAS: mean colour of CIFAR-10, RGB
        'seg_fill': 255,  # "ignore" of mm segmentation maps
        'channel_order': 'bgr',
        'reference_side': 32,  # pixels: the image that pixel levels refer to
    },
    'detection': {
        'fill': 128,  # Zoph et al.
        'cutout_fill': None,  # as fill
        'seg_fill': 255,
        'channel_order': 'bgr',
        'translate_const': 250,  # pixels at level 10, whole image
        'translate_bbox_const': 120,  # pixels at level 10, inside a box
        'cutout_const': 100,  # half side in pixels, level 10
        'cutout_bbox_const': 50,  # half side in pixels, level 10, inside a box
        'cutout_max_pad_fraction': 0.75,  # of the box side at level 10
    },
}
"""Known constants of each table with their defaults; all pixels are absolute."""


@dataclass(frozen=True)
class Constants:
    """Validated constants of one table; made by :func:`resolve_constants`.

    Attributes:
        table: Table that the constants belong to.
        fill: Colour of pixels that come from outside of the image: one grey level or
            (red, green, blue), in this order whatever ``channel_order`` says.
        seg_fill: Class index of segmentation pixels from outside.
        channel_order: 'bgr' (as mm loads images) or 'rgb'.
        cutout_fill: Colour of cut out squares, or None for ``fill``.
        reference_side: Side of the image that pixel levels of the classification
            table refer to; None takes them as absolute pixels.
        translate_const: Largest shift in pixels (level 10).
        translate_bbox_const: The same for the content of a box.
        cutout_const: Half side of the cut out square in pixels (level 10).
        cutout_bbox_const: The same inside a box.
        cutout_max_pad_fraction: Cut out part of a box side (level 10).
    """

    table: str
    fill: Colour
    seg_fill: int
    channel_order: str
    cutout_fill: Colour | None = None
    reference_side: float | None = None
    translate_const: float = 0
    translate_bbox_const: float = 0
    cutout_const: float = 0
    cutout_bbox_const: float = 0
    cutout_max_pad_fraction: float = 0

    def __post_init__(self) -> None:
        for name in ('fill', 'cutout_fill'):
            object.__setattr__(self, name, _checked_colour(name, getattr(self, name)))
        if self.channel_order not in ('bgr', 'rgb'):
            raise ValueError(
                f"channel_order must be 'bgr' or 'rgb', but got {self.channel_order!r}"
            )
        if self.reference_side is not None and not self.reference_side > 0:
            raise ValueError(
                f'reference_side must be positive or None, but got '
                f'{self.reference_side!r}'
            )
        for name in CONSTANT_DEFAULTS[self.table]:
            if '_const' in name or name == 'cutout_max_pad_fraction':
                value = getattr(self, name)
                if not (isinstance(value, Real) and 0 <= float(value) < math.inf):
                    raise ValueError(f'{name} must be a number >= 0, but got {value!r}')

    @property
    def fill_colour(self) -> tuple[int, int, int]:
        """``fill`` as three values in the image's channel order."""
        return self._ordered(self.fill)

    @property
    def cutout_colour(self) -> tuple[int, int, int]:
        """``cutout_fill``, or ``fill``, in the image's channel order."""
        colour = self.fill if self.cutout_fill is None else self.cutout_fill
        return self._ordered(colour)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings that the table knows, ready for JSON or a config."""
        values = {name: getattr(self, name) for name in CONSTANT_DEFAULTS[self.table]}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    def _ordered(self, colour: Colour) -> tuple[int, int, int]:
        if isinstance(colour, int):
            return (colour, colour, colour)
        return colour if self.channel_order == 'rgb' else colour[::-1]


def resolve_constants(table: str, **constants: Any) -> Constants:
    """Fill in the defaults of ``table`` and validate.

    Args:
        table: 'classification' or 'detection'.
        **constants: Settings that replace defaults; see :class:`Constants`.

    Raises:
        ValueError: Unknown table, unknown name or a value out of range.
    """
    if table not in CONSTANT_DEFAULTS:
        raise ValueError(
            f'table must be one of {sorted(CONSTANT_DEFAULTS)}, but got {table!r}'
        )
    known = CONSTANT_DEFAULTS[table]
    unknown = sorted(set(constants) - set(known))
    if unknown:
        raise ValueError(
            f'constants of table {table!r} are {sorted(known)}, but got {unknown}'
        )
    return Constants(table=table, **{**known, **constants})


def _checked_colour(name: str, colour: Any) -> Colour | None:
    if colour is None and name == 'cutout_fill':
        return None
    values = colour if isinstance(colour, (tuple, list)) else (colour,)
    levels = [value for value in values if value in range(256)]
    if len(levels) not in (1, 3) or len(levels) != len(values):
        raise ValueError(
            f'{name} must be one grey level or (red, green, blue) within 0..255, '
            f'but got {colour!r}'
        )
    first, *others = map(int, levels)
    return (first, others[0], others[1]) if others else first
