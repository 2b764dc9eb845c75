"""The operation tables: how an operation is looked up, added and applied."""

from typing import Any

import numpy as np

from ddas_mm.errors import check_known, closest
from ddas_mm.ops.classification import CLASSIFICATION
from ddas_mm.ops.constants import Constants, resolve_constants
from ddas_mm.ops.detection import DETECTION
from ddas_mm.ops.geometry import Boxes, Image
from ddas_mm.ops.kernels import Rng
from ddas_mm.ops.sample import Sample
from ddas_mm.ops.spec import Level, OpSpec

# Table name -> operation name -> row.
TABLES: dict[str, dict[str, OpSpec]] = {
    'classification': {spec.name: spec for spec in CLASSIFICATION},
    'detection': {spec.name: spec for spec in DETECTION},
}


def get_op(table: str, name: str) -> OpSpec:
    """Return a row.

    Raises:
        ValueError: Unknown table or name; the message names close matches.
    """
    rows = _rows(table)
    if name not in rows:
        meant = closest(str(name), rows)
        hint = f'; did you mean {meant!r}?' if meant else ''
        elsewhere = [other for other in TABLES if name in TABLES[other]]
        hint += f' (it is in table {elsewhere[0]!r})' if elsewhere else ''
        raise ValueError(
            f'table {table!r} has no operation {name!r}{hint}; '
            f'own operations are added by ddas_mm.ops.register_op'
        )
    return rows[name]


def register_op(table: str, spec: OpSpec) -> OpSpec:
    """Add an operation of the user's own, for instance from a config's imports.

    It has to run in each process that uses the operation; a module named in the
    config's ``custom_imports`` does. Returns ``spec``.

    Raises:
        TypeError: ``spec`` is no :class:`OpSpec`.
        ValueError: Unknown table, or the name is taken.
    """
    rows = _rows(table)
    if not isinstance(spec, OpSpec):
        raise TypeError(f'spec must be an OpSpec, but got {type(spec).__name__}')
    if spec.name in rows:
        raise ValueError(
            f'table {table!r} has an operation {spec.name!r} already; choose another '
            'name'
        )
    rows[spec.name] = spec
    return spec


def _rows(table: str) -> dict[str, OpSpec]:
    check_known('table', table, TABLES)
    return TABLES[table]


def apply_op(
    table: str,
    name: str,
    level: Level | None,
    image: Image,
    boxes: Boxes,
    rng: Rng,
    **constants: Any,
) -> tuple[Image, Boxes]:
    """Apply one operation to an image and its boxes.

    The inputs are never written to; what comes back may share memory with them, so
    treat both as read-only.

    Args:
        table: 'classification' or 'detection'.
        name: Operation of that table.
        level: Number >= 0, or None for operations without a magnitude.
        image: (H, W, 3) uint8; see ``channel_order``.
        boxes: (N, 4) ``x1, y1, x2, y2`` in pixels; N may be 0.
        rng: ``numpy.random.Generator``, the only source of randomness.
        **constants: Settings; see :class:`~ddas_mm.ops.constants.Constants`.

    Returns:
        The image, of the same shape and dtype, and float32 boxes (N, 4) in the same
        order, clipped to the image where the operation moves them.

    Raises:
        TypeError: The image is not uint8.
        ValueError: Unknown table, operation or constant, or an unusable level.
    """
    spec = get_op(table, name)
    resolved = resolve_constants(table, **constants)
    boxes = np.asarray(boxes, dtype=np.float32).reshape(-1, 4)
    sample = apply_to_sample(spec, level, Sample(image, boxes), rng, resolved)
    return sample.image, sample.boxes


def apply_to_sample(
    spec: OpSpec, level: Level | None, sample: Sample, rng: Rng, constants: Constants
) -> Sample:
    """Apply one row to a sample; the engine under :func:`apply_op`.

    Args:
        spec: The operation.
        level: Number >= 0, or None for operations without a magnitude.
        sample: Image, boxes, masks and segmentation map; never written to.
        rng: Source of all randomness: the sign first, then what the kernel draws.
        constants: Made by :func:`~ddas_mm.ops.constants.resolve_constants`.

    Returns:
        A sample of the same shapes, which may share arrays with the input.

    Raises:
        ValueError: An unusable level.
    """
    argument = spec.argument(level, rng, constants)
    return spec.kernel(sample, argument, rng, constants)
