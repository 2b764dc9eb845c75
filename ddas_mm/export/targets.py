"""What a candidate does, in the operations of other libraries."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ddas_mm.ops import Constants, OpSpec

Size = tuple[int, int]
PLAIN = ('AutoContrast', 'Equalize', 'Invert')  # of equal names everywhere
# By what name ColorJitter, of torchvision and albumentations, knows them.
JITTER = {'Color': 'saturation', 'Contrast': 'contrast', 'Brightness': 'brightness'}
FACTORS = ('Color', 'Contrast', 'Brightness', 'Sharpness')  # 1 leaves the image alone


@dataclass(frozen=True)
class Effect:
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
    size: Size

    @classmethod
    def of(cls, spec: OpSpec, level: Any, constants: Constants, size: Size) -> 'Effect':
        """Return what a row of the table does at a level."""
        argument = spec.level_map(level, constants) if spec.level_map else 0
        name = spec.name.removesuffix('_BBox')
        return cls(name, argument, spec.signed, constants, size)

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
    arguments: dict[str, Any]
    note: str = ''

    @property
    def text(self) -> str:
        """The arguments as Python."""
        return ', '.join(f'{key}={value!r}' for key, value in self.arguments.items())


NOTHING = Call('', {})
"""Leaves the image alone."""


def call(name: str, note: str = '', /, **arguments: Any) -> Call:
    """Return a call of a class."""
    return Call(name, arguments, note)


def both(value: float) -> tuple[float, float]:
    """Return a range that holds one value."""
    return value, value


def mmdet(op: Effect, _sign: int) -> dict[str, Call | None]:
    """Return MMDetection's, which rounds every magnitude to one decimal."""

    def scale(name: str, exact: float, **more: Any) -> Call:
        kept = float(round(exact, 1))
        same = math.isclose(exact, kept)
        note = '' if same else f'{exact:.4g} is rounded to {kept:g}'
        both_ends = {'min_mag': kept, 'max_mag': kept}
        return call(name, note, prob=1.0, level=0, **both_ends, **more)

    def warp(name: str, exact: float) -> Call | None:
        if round(exact, 1) == 0:
            return None  # the target would do nothing
        more = {'img_border_value': op.fill, 'interpolation': 'nearest'}
        return scale(name, exact, reversal_prob=0.5 if op.signed else 0.0, **more)

    return {
        **{name: call(name, prob=1.0) for name in PLAIN},
        **{n: scale(n, op.argument) for n in ('Solarize', 'SolarizeAdd', *FACTORS)},
        'Posterize': scale('Posterize', op.bits),
        'Rotate': warp('Rotate', op.argument),
        'Rotate90': warp('Rotate', 90),
        'ShearX': warp('ShearX', op.degrees),
        'ShearY': warp('ShearY', op.degrees),
        'TranslateX': warp('TranslateX', op.fraction(0)),
        'TranslateY': warp('TranslateY', op.fraction(1)),
        'Cutout': call(
            'CutOut',
            'a random corner instead of a random centre',
            n_holes=1,
            cutout_shape=both(op.side),
            fill_in=op.constants.cutout_colour,
        ),
        'FlipLR': call('RandomFlip', prob=1.0, direction='horizontal'),
        'FlipUD': call('RandomFlip', prob=1.0, direction='vertical'),
    }


def mmpretrain(op: Effect, _sign: int) -> dict[str, Call | None]:
    """Return MMPretrain's."""

    def plain(name: str, note: str = '', /, **arguments: Any) -> Call:
        return call(name, note, prob=1.0, **arguments)

    def factor(name: str) -> Call:
        # MMPretrain's magnitude is the distance from identity.
        magnitude = round(op.argument - 1, 6)
        return plain(name, magnitude=magnitude, random_negative_prob=0.0)

    def warp(name: str, **arguments: Any) -> Call:
        negative = 0.5 if op.signed else 1.0
        # one value would fill the first channel only
        more = {'pad_val': (op.fill,) * 3, 'interpolation': 'nearest'}
        return plain(name, **arguments, random_negative_prob=negative, **more)

    shares = op.fraction(0), op.fraction(1)
    return {
        **{name: plain(name) for name in PLAIN},
        'Posterize': plain('Posterize', bits=op.bits),
        'Solarize': plain('Solarize', thr=op.argument),
        'SolarizeAdd': plain('SolarizeAdd', magnitude=op.argument),
        **{name: factor(name) for name in FACTORS},
        'Color': factor('ColorTransform'),
        'Rotate': warp('Rotate', angle=op.argument),
        'Rotate90': warp('Rotate', angle=90),
        'ShearX': warp('Shear', magnitude=op.argument, direction='horizontal'),
        'ShearY': warp('Shear', magnitude=op.argument, direction='vertical'),
        'TranslateX': warp('Translate', magnitude=shares[0], direction='horizontal'),
        'TranslateY': warp('Translate', magnitude=shares[1], direction='vertical'),
        'Cutout': plain(
            'Cutout',
            'its side is fixed in pixels',
            shape=op.side,
            pad_val=op.constants.cutout_colour,
        ),
        'FlipLR': plain('RandomFlip', direction='horizontal'),
        'FlipUD': plain('RandomFlip', direction='vertical'),
    }


def torchvision(op: Effect, sign: int) -> dict[str, Call | None]:
    """Return torchvision's (v2)."""

    def affine(degrees: Any = 0, **arguments: Any) -> Call:
        return call('RandomAffine', degrees=degrees, fill=op.fill, **arguments)

    def jitter(name: str) -> Call:
        return call('ColorJitter', **{name: both(op.argument)})

    angle = sign * op.degrees
    # Ours leave the top left corner, or that pixel's centre, where it is.
    corner = both(0.5 if op.constants.table == 'detection' else 0.0)
    return {
        **{name: call(f'Random{name.capitalize()}', p=1.0) for name in PLAIN},
        'Posterize': call('RandomPosterize', bits=op.bits, p=1),
        'Solarize': call('RandomSolarize', threshold=max(op.argument, 0), p=1),
        **{name: jitter(theirs) for name, theirs in JITTER.items()},
        'Sharpness': call('RandomAdjustSharpness', sharpness_factor=op.argument, p=1),
        'Rotate': affine(both(sign * op.argument)),
        'Rotate90': affine(both(-90)),
        'ShearX': affine(shear=(angle, angle, 0, 0), center=corner),
        'ShearY': affine(shear=(0, 0, angle, angle), center=corner),
        'TranslateX': call('Shift', x=sign * op.fraction(0), fill=op.fill),
        'TranslateY': call('Shift', y=sign * op.fraction(1), fill=op.fill),
        'FlipLR': call('RandomHorizontalFlip', p=1.0),
        'FlipUD': call('RandomVerticalFlip', p=1.0),
    }


def albumentations(op: Effect, sign: int) -> dict[str, Call | None]:
    """Return albumentations's."""

    def affine(note: str = '', **arguments: Any) -> Call:
        return call('Affine', note, interpolation=0, fill=op.fill, **arguments)

    def jitter(name: str) -> Call:
        keep = dict.fromkeys(('brightness', 'contrast', 'saturation'), (1, 1))
        return call('ColorJitter', **{**keep, 'hue': (0, 0), name: both(op.argument)})

    angle, threshold = both(sign * op.degrees), min(max(op.argument / 255, 0.0), 1.0)
    moved = [both(sign * op.fraction(axis)) for axis in (0, 1)]
    middle = 'about the middle of the image instead of its top left corner'
    rounded = 'grey levels are rounded differently'
    return {
        'AutoContrast': call('AutoContrast', method='pil'),
        'Equalize': call('Equalize', rounded, mode='pil'),
        'Invert': call('InvertImg'),
        'Posterize': call('Posterize', num_bits=op.bits),
        'Solarize': call('Solarize', threshold_range=both(threshold)),
        **{name: jitter(theirs) for name, theirs in JITTER.items()},
        'Rotate': affine(rotate=both(sign * op.argument)),
        'Rotate90': affine(rotate=both(90)),
        'ShearX': affine(middle, shear={'x': angle}),
        'ShearY': affine(middle, shear={'y': angle}),
        'TranslateX': affine(translate_percent={'x': moved[0]}),
        'TranslateY': affine(translate_percent={'y': moved[1]}),
        'FlipLR': call('HorizontalFlip'),
        'FlipUD': call('VerticalFlip'),
    }


Target = Callable[[Effect, int], dict[str, Call | None]]
WRITERS: tuple[Target, ...] = (mmdet, mmpretrain, torchvision, albumentations)
TARGETS = {function.__name__: function for function in WRITERS}
"""Target -> its operations by our names, for an effect and a sign of it."""


def calls_of(target: str, op: Effect) -> list[Call] | None:
    """Return a target's calls, each to be taken with equal probability.

    Returns:
        None where the target has no counterpart.
    """
    if op.name == 'Identity':
        return [NOTHING]
    calls: list[Call] = []
    for sign in (1, -1) if op.signed else (1,):
        found = TARGETS[target](op, sign).get(op.name)
        if found is None:
            return None
        if found not in calls:  # most targets choose the sign themselves
            calls.append(found)
    return calls
