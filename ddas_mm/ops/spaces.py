"""Search spaces by name, and how operations and levels become candidates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .apply import apply_to_sample
from .constants import Constants
from .levels import check_level
from .sample import Sample
from .table import get_op

Candidate = tuple[str, int | None]

# DDAS paper, appendix B.1.
_PAPER_OPS = (
    'Identity',
    'Rotate',
    'Posterize',
    'Sharpness',
    'TranslateX',
    'TranslateY',
    'AutoContrast',
    'Solarize',
    'Equalize',
    'Brightness',
    'Color',
    'Smooth',
    'Blur',
    'Contrast',
    'ShearX',
    'ShearY',
    'Invert',
    'FlipUD',
)
# The union of the published policies v0-v3 of Zoph et al., in their order, + Identity.
_COCO_OPS = (
    'Identity',
    'AutoContrast',
    'Equalize',
    'Posterize',
    'Solarize',
    'SolarizeAdd',
    'Color',
    'Contrast',
    'Brightness',
    'Sharpness',
    'Cutout',
    'BBox_Cutout',
    'Rotate_BBox',
    'TranslateX_BBox',
    'TranslateY_BBox',
    'ShearX_BBox',
    'ShearY_BBox',
    'ShearX_Only_BBoxes',
    'ShearY_Only_BBoxes',
    'TranslateY_Only_BBoxes',
    'Flip_Only_BBoxes',
    'Equalize_Only_BBoxes',
    'Cutout_Only_BBoxes',
)
_CIFAR = {'table': 'classification', 'ops': _PAPER_OPS, 'levels': (2, 6, 10, 14)}

SPACES: dict[str, dict[str, Any]] = {
    'cifar': dict(_CIFAR),
    'svhn': dict(_CIFAR),
    'imagenet': {
        'table': 'classification',
        'ops': (*_PAPER_OPS, 'Cutout'),
        'levels': (7, 14),
    },
    # Rotate90 destroys what is learnt: a search has to find that out (4.1).
    'sanity': {
        'table': 'classification',
        'ops': tuple('Rotate90' if op == 'Rotate' else op for op in _PAPER_OPS),
        'levels': (2,),
    },
    'coco': {'table': 'detection', 'ops': _COCO_OPS, 'levels': (4, 6, 8)},
}
"""Name -> table, operations and levels: K = 51, 51, 31, 18 and 59 candidates."""


def expand_candidates(
    table: str, ops: Sequence[str], levels: Sequence[int]
) -> tuple[Candidate, ...]:
    """Return all candidates ``(name, level)`` of a space.

    Args:
        table: Name of the operation table.
        ops: Operation names, each once.
        levels: Levels of the operations that take one; others appear once with None.

    Returns:
        Candidates in the order of ``ops``, then of ``levels``.

    Raises:
        ValueError: A setting is empty, has duplicates or an unusable value.
    """
    _check_collection('ops', ops)
    if not ops:
        raise ValueError('ops must name at least one operation, but got none')
    specs = [get_op(table, name) for name in ops]
    _check_collection('levels', levels)
    for level in levels:
        check_level(level)
    needing = [spec.name for spec in specs if spec.takes_level]
    if needing and not levels:
        raise ValueError(
            f'levels must hold at least one level for {needing[0]!r}, but got none'
        )
    return tuple(
        (spec.name, level)
        for spec in specs
        for level in (levels if spec.takes_level else (None,))
    )


def erasing_candidates(
    candidates: Iterable[Candidate], constants: Constants, height: int, width: int
) -> tuple[Candidate, ...]:
    """Return the candidates that push a whole image out of sight.

    Shifts of the detection table are absolute pixels of a 640 x 480 image; smaller
    training images need smaller constants (``translate_const``).

    Args:
        candidates: As :func:`expand_candidates` gives them.
        constants: Settings of the table that the candidates belong to.
        height: Image height in pixels.
        width: Image width in pixels.
    """
    whole = np.array([[0, 0, width, height]], dtype=np.float32)
    sample = Sample(np.zeros((height, width, 3), dtype=np.uint8), whole)
    found = []
    for name, level in candidates:
        spec = get_op(constants.table, name)
        if spec.moves_boxes:
            # Either sign leaves as much of the image, so any generator will do.
            rng = np.random.default_rng(0)
            left, top, right, bottom = apply_to_sample(
                spec, level, sample, rng, constants
            ).boxes[0]
            if right <= left or bottom <= top:
                found.append((name, level))
    return tuple(found)


def _check_collection(setting: str, values: Sequence[Any]) -> None:
    if isinstance(values, (str, bytes)) or not hasattr(values, '__iter__'):
        raise ValueError(f'{setting} must be a list, but got {values!r}')
    repeated = sorted({str(value) for value in values if list(values).count(value) > 1})
    if repeated:
        raise ValueError(f'{setting} must not repeat values, but got {repeated} twice')
