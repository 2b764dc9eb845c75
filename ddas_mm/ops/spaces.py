"""Named search spaces, and the fixed policies of Zoph et al."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ddas_mm.ops.constants import Constants
from ddas_mm.ops.detection import DETECTION
from ddas_mm.ops.sample import Sample
from ddas_mm.ops.spec import check_level
from ddas_mm.ops.tables import TABLES, apply_to_sample, get_op

Candidate = tuple[str, float | None]
# DDAS paper, appendix B.1.
_PAPER_OPS = (
    *('Identity', 'Rotate', 'Posterize', 'Sharpness', 'TranslateX', 'TranslateY'),
    *('AutoContrast', 'Solarize', 'Equalize', 'Brightness', 'Color', 'Smooth'),
    *('Blur', 'Contrast', 'ShearX', 'ShearY', 'Invert', 'FlipUD'),
)
_SANITY_OPS = ['Rotate90' if op == 'Rotate' else op for op in _PAPER_OPS]
_TURNS = ('FlipLR_BBox', 'FlipUD_BBox', 'Rotate90_BBox')
SubPolicy = list[tuple[str, float, int]]
_FILE = Path(__file__).with_name('zoph_policies.json')
# Name -> sub-policies of (operation, probability, level); v0 is the paper's result.
ZOPH_POLICIES: dict[str, list[SubPolicy]] = json.loads(_FILE.read_bytes())
_PUBLISHED = {name for p in ZOPH_POLICIES.values() for sub in p for name, _, _ in sub}
_WITHOUT_BOXES = [spec.name for spec in DETECTION if not spec.acts_by_box]
_COCO_OPS = ('Identity', *(name for name in TABLES['detection'] if name in _PUBLISHED))


def _space(table: str, ops: Iterable[str], *levels: int) -> dict[str, Any]:
    return {'table': table, 'ops': tuple(ops), 'levels': levels}


# Name -> table, operations and levels; K = 51, 51, 31, 18, 59, 44, 46 candidates.
SPACES = {
    'cifar': _space('classification', _PAPER_OPS, 2, 6, 10, 14),
    'svhn': _space('classification', _PAPER_OPS, 2, 6, 10, 14),
    'imagenet': _space('classification', (*_PAPER_OPS, 'Cutout'), 7, 14),
    # Rotate90 destroys what is learnt: a search has to find that out (4.1).
    'sanity': _space('classification', _SANITY_OPS, 2),
    'coco': _space('detection', _COCO_OPS, 4, 6, 8),
    # For things that lie or stand any way round, and fewer candidates to tell apart.
    'detection': _space('detection', (*_COCO_OPS, *_TURNS), 4, 8),
    'segmentation': _space('detection', _WITHOUT_BOXES, 4, 6, 8),
}


def expand_candidates(
    table: str, ops: Sequence[str], levels: Sequence[int]
) -> tuple[Candidate, ...]:
    """Return all candidates ``(name, level)`` of a space.

    Args:
        table: Name of the operation table.
        ops: Operation names.
        levels: Levels of the operations that take one; others appear once with None.

    Returns:
        Candidates in the order of ``ops``, then of ``levels``.

    Raises:
        ValueError: A setting has an unusable value. (A space refuses to have no
            candidate, or one twice.)
    """
    _check_collection('ops', ops)
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
            moved = apply_to_sample(spec, level, sample, rng, constants)
            left, top, right, bottom = moved.boxes[0]
            if right <= left or bottom <= top:
                found.append((name, level))
    return tuple(found)


def _check_collection(setting: str, values: Sequence[Any]) -> None:
    if isinstance(values, (str, bytes)) or not hasattr(values, '__iter__'):
        raise ValueError(f'{setting} must be a list, but got {values!r}')
