"""The numbers of a table that are settings, not levels."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from ddas_mm.errors import check_keys, check_known, typed

Grey = Annotated[int, Meta(ge=0, le=255)]
Colour = Grey | Annotated[tuple[Grey, ...], Meta(min_length=3, max_length=3)]
Side = Annotated[int, Meta(ge=1)] | Annotated[float, Meta(gt=0, le=1e9)]
# A number that is whole stays so in policy files.
Length = Annotated[int, Meta(ge=0)] | Annotated[float, Meta(ge=0, le=1e9)]
# Known constants of each table with their defaults; all pixels are absolute.
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


class Constants(Struct, frozen=True):
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
    channel_order: Literal['bgr', 'rgb']
    cutout_fill: Colour | None = None
    reference_side: Side | None = None
    translate_const: Length = 0
    translate_bbox_const: Length = 0
    cutout_const: Length = 0
    cutout_bbox_const: Length = 0
    cutout_max_pad_fraction: Length = 0

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
        red, green, blue = (colour,) * 3 if isinstance(colour, int) else colour
        return (red, green, blue) if self.channel_order == 'rgb' else (blue, green, red)


def resolve_constants(table: str, **constants: Any) -> Constants:
    """Fill in the defaults of ``table`` and validate.

    Args:
        table: 'classification' or 'detection'.
        **constants: Settings that replace defaults; see :class:`Constants`.

    Raises:
        SettingError: Unknown table, unknown name or a value out of range.
    """
    check_known('table', table, CONSTANT_DEFAULTS)
    known = CONSTANT_DEFAULTS[table]
    check_keys(f'constants of table {table!r}', constants, known)
    settings = {'table': table, **known, **constants}
    return typed(settings, Constants, 'constants', '.')
