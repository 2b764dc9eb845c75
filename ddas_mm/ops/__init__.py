"""Image operations: arrays in, arrays out; NumPy and OpenCV only."""

from ddas_mm.ops.constants import Constants, resolve_constants
from ddas_mm.ops.kernels import Geometry, Kernel, PerBox, Pixels, Rng
from ddas_mm.ops.sample import Sample
from ddas_mm.ops.spaces import (
    SPACES,
    ZOPH_POLICIES,
    erasing_candidates,
    expand_candidates,
)
from ddas_mm.ops.spec import LevelMap, OpSpec
from ddas_mm.ops.tables import TABLES, apply_op, apply_to_sample, get_op, register_op

__all__ = [
    'SPACES',
    'TABLES',
    'ZOPH_POLICIES',
    'Constants',
    'Geometry',
    'Kernel',
    'LevelMap',
    'OpSpec',
    'PerBox',
    'Pixels',
    'Rng',
    'Sample',
    'apply_op',
    'apply_to_sample',
    'erasing_candidates',
    'expand_candidates',
    'get_op',
    'register_op',
    'resolve_constants',
]
