"""The operations of MMDetection and MMPretrain."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ddas_mm.export.candidate import Call, Make, Table, Wanted, alone


def _mmdet(name: str, value: Callable[[Wanted], float] | None = None) -> Any:
    """MMDetection rounds every magnitude to one decimal."""

    def calls(op: Wanted) -> list[Call] | None:
        if value is None:
            return [Call(name, {'prob': 1.0})]
        exact = value(op)
        rounded = round(exact, 1)
        arguments: dict[str, Any] = {
            'prob': 1.0,
            'level': 0,
            'min_mag': float(rounded),
            'max_mag': float(rounded),
        }
        if name in ('Rotate', 'ShearX', 'ShearY', 'TranslateX', 'TranslateY'):
            if rounded == 0:
                return None  # the target would do nothing
            arguments['reversal_prob'] = 0.5 if op.signed else 0.0
            arguments['img_border_value'] = op.fill
            arguments['interpolation'] = 'nearest'
        same = math.isclose(exact, rounded)
        note = '' if same else f'{exact:.4g} is rounded to {rounded:g}'
        return [Call(name, arguments, note)]

    return calls


def _mmdet_cutout(op: Wanted) -> list[Call]:
    shape = (op.side, op.side)
    arguments = {'n_holes': 1, 'cutout_shape': shape, 'fill_in': op.cutout_fill}
    return [Call('CutOut', arguments, 'a random corner instead of a random centre')]


def _flip(direction: str) -> Make:
    return lambda _: [Call('RandomFlip', {'prob': 1.0, 'direction': direction})]


MMDET: Table = {
    'Identity': alone,
    'AutoContrast': _mmdet('AutoContrast'),
    'Equalize': _mmdet('Equalize'),
    'Invert': _mmdet('Invert'),
    'Posterize': _mmdet('Posterize', lambda op: op.bits),
    'Solarize': _mmdet('Solarize', lambda op: op.argument),
    'SolarizeAdd': _mmdet('SolarizeAdd', lambda op: op.argument),
    'Color': _mmdet('Color', lambda op: op.argument),
    'Contrast': _mmdet('Contrast', lambda op: op.argument),
    'Brightness': _mmdet('Brightness', lambda op: op.argument),
    'Sharpness': _mmdet('Sharpness', lambda op: op.argument),
    'Rotate': _mmdet('Rotate', lambda op: op.argument),
    'Rotate90': _mmdet('Rotate', lambda _: 90),
    'ShearX': _mmdet('ShearX', lambda op: op.degrees),
    'ShearY': _mmdet('ShearY', lambda op: op.degrees),
    'TranslateX': _mmdet('TranslateX', lambda op: op.fraction(0)),
    'TranslateY': _mmdet('TranslateY', lambda op: op.fraction(1)),
    'Cutout': _mmdet_cutout,
    'FlipLR': _flip('horizontal'),
    'FlipUD': _flip('vertical'),
}


def _mmpretrain(
    name: str, values: Callable[[Wanted], dict[str, Any]] | None = None, note: str = ''
) -> Make:
    def calls(op: Wanted) -> list[Call]:
        arguments = {'prob': 1.0, **(values(op) if values else {})}
        if name in ('Rotate', 'Shear', 'Translate'):
            arguments['random_negative_prob'] = 0.5 if op.signed else 1.0
            # one value would fill the first channel only
            arguments.update(pad_val=(op.fill,) * 3, interpolation='nearest')
        return [Call(name, arguments, note)]

    return calls


def _factor(op: Wanted) -> dict[str, Any]:
    # MMPretrain's magnitude is the distance from identity.
    return {'magnitude': round(op.argument - 1, 6), 'random_negative_prob': 0.0}


MMPRETRAIN: Table = {
    'Identity': alone,
    'AutoContrast': _mmpretrain('AutoContrast'),
    'Equalize': _mmpretrain('Equalize'),
    'Invert': _mmpretrain('Invert'),
    'Posterize': _mmpretrain('Posterize', lambda op: {'bits': op.bits}),
    'Solarize': _mmpretrain('Solarize', lambda op: {'thr': op.argument}),
    'SolarizeAdd': _mmpretrain('SolarizeAdd', lambda op: {'magnitude': op.argument}),
    'Color': _mmpretrain('ColorTransform', _factor),
    'Contrast': _mmpretrain('Contrast', _factor),
    'Brightness': _mmpretrain('Brightness', _factor),
    'Sharpness': _mmpretrain('Sharpness', _factor),
    'Rotate': _mmpretrain('Rotate', lambda op: {'angle': op.argument}),
    'Rotate90': _mmpretrain('Rotate', lambda _: {'angle': 90}),
    'ShearX': _mmpretrain(
        'Shear', lambda op: {'magnitude': op.argument, 'direction': 'horizontal'}
    ),
    'ShearY': _mmpretrain(
        'Shear', lambda op: {'magnitude': op.argument, 'direction': 'vertical'}
    ),
    'TranslateX': _mmpretrain(
        'Translate', lambda op: {'magnitude': op.fraction(0), 'direction': 'horizontal'}
    ),
    'TranslateY': _mmpretrain(
        'Translate', lambda op: {'magnitude': op.fraction(1), 'direction': 'vertical'}
    ),
    'Cutout': _mmpretrain(
        'Cutout',
        lambda op: {'shape': op.side, 'pad_val': op.cutout_fill},
        'its side is fixed in pixels',
    ),
    'FlipLR': _flip('horizontal'),
    'FlipUD': _flip('vertical'),
}
