"""Apply one operation by name, or one row to everything that a sample holds."""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import Boxes, Image
from .constants import Constants, resolve_constants
from .kernels import Rng
from .levels import Level
from .sample import Sample
from .spec import OpSpec
from .table import get_op


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
