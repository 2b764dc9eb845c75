"""The operations of torchvision (v2) and albumentations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ddas_mm.export.candidate import Call, Make, Table, Wanted, alone


def _signs(op: Wanted) -> tuple[int, ...]:
    return (1, -1) if op.signed else (1,)


def _torchvision(
    name: str, values: Callable[[Wanted], dict[str, Any]] | None = None, note: str = ''
) -> Make:
    return lambda op: [Call(name, values(op) if values else {'p': 1.0}, note)]


def _tv_affine(values: Callable[[Wanted, int], dict[str, Any]]) -> Any:
    return lambda op: [
        Call('RandomAffine', {'degrees': 0, 'fill': op.fill, **values(op, sign)})
        for sign in _signs(op)
    ]


def _tv_shear(angles: Callable[[float], tuple[float, ...]]) -> Any:
    def values(op: Wanted, sign: int) -> dict[str, Any]:
        # Ours leave the top left corner, or that pixel's centre, where it is.
        corner = 0.5 if op.constants.table == 'detection' else 0.0
        return {'shear': angles(sign * op.degrees), 'center': (corner, corner)}

    return _tv_affine(values)


def _tv_shift(axis: int) -> Make:
    return lambda op: [
        Call('Shift', {'xy'[axis]: sign * op.fraction(axis), 'fill': op.fill})
        for sign in _signs(op)
    ]


def _jitter(name: str) -> Make:
    return _torchvision('ColorJitter', lambda op: {name: (op.argument, op.argument)})


def _both(value: float) -> tuple[float, float]:
    return value, value


TORCHVISION: Table = {
    'Identity': alone,
    'AutoContrast': _torchvision('RandomAutocontrast'),
    'Equalize': _torchvision('RandomEqualize'),
    'Invert': _torchvision('RandomInvert'),
    'Posterize': _torchvision('RandomPosterize', lambda op: {'bits': op.bits, 'p': 1}),
    'Solarize': _torchvision(
        'RandomSolarize', lambda op: {'threshold': max(op.argument, 0), 'p': 1}
    ),
    'Color': _jitter('saturation'),
    'Contrast': _jitter('contrast'),
    'Brightness': _jitter('brightness'),
    'Sharpness': _torchvision(
        'RandomAdjustSharpness', lambda op: {'sharpness_factor': op.argument, 'p': 1}
    ),
    'Rotate': _tv_affine(lambda op, sign: {'degrees': _both(sign * op.argument)}),
    'Rotate90': _tv_affine(lambda *_: {'degrees': _both(-90)}),
    'ShearX': _tv_shear(lambda angle: (angle, angle, 0, 0)),
    'ShearY': _tv_shear(lambda angle: (0, 0, angle, angle)),
    'TranslateX': _tv_shift(0),
    'TranslateY': _tv_shift(1),
    'FlipLR': _torchvision('RandomHorizontalFlip'),
    'FlipUD': _torchvision('RandomVerticalFlip'),
}


def _alb_affine(values: Callable[[Wanted, int], dict[str, Any]]) -> Any:
    return lambda op: [
        Call('Affine', {'interpolation': 0, 'fill': op.fill, **values(op, sign)})
        for sign in _signs(op)
    ]


def _alb_shear(axis: str) -> Make:
    note = 'about the middle of the image instead of its top left corner'
    return lambda op: [
        replace(call, note=note)
        for call in _alb_affine(
            lambda op, sign: {'shear': {axis: _both(sign * op.degrees)}}
        )(op)
    ]


def _alb_jitter(name: str) -> Make:
    keep = {'brightness': (1, 1), 'contrast': (1, 1), 'saturation': (1, 1)}
    return lambda op: [
        Call('ColorJitter', {**keep, 'hue': (0, 0), name: _both(op.argument)})
    ]


def _alb(
    name: str, values: Callable[[Wanted], dict[str, Any]] | None = None, note: str = ''
) -> Make:
    return lambda op: [Call(name, values(op) if values else {}, note)]


ALBUMENTATIONS: Table = {
    'Identity': alone,
    'AutoContrast': _alb('AutoContrast', lambda _: {'method': 'pil'}),
    'Equalize': _alb(
        'Equalize', lambda _: {'mode': 'pil'}, 'grey levels are rounded differently'
    ),
    'Invert': _alb('InvertImg'),
    'Posterize': _alb('Posterize', lambda op: {'num_bits': op.bits}),
    'Solarize': _alb(
        'Solarize', lambda op: {'threshold_range': _both(_clip(op.argument / 255))}
    ),
    'Color': _alb_jitter('saturation'),
    'Contrast': _alb_jitter('contrast'),
    'Brightness': _alb_jitter('brightness'),
    'Rotate': _alb_affine(lambda op, sign: {'rotate': _both(sign * op.argument)}),
    'Rotate90': _alb_affine(lambda *_: {'rotate': _both(90)}),
    'ShearX': _alb_shear('x'),
    'ShearY': _alb_shear('y'),
    'TranslateX': _alb_affine(
        lambda op, s: {'translate_percent': {'x': _both(s * op.fraction(0))}}
    ),
    'TranslateY': _alb_affine(
        lambda op, s: {'translate_percent': {'y': _both(s * op.fraction(1))}}
    ),
    'FlipLR': _alb('HorizontalFlip'),
    'FlipUD': _alb('VerticalFlip'),
}


def _clip(value: float) -> float:
    return min(max(value, 0.0), 1.0)
