"""Image operations: arrays in, arrays out; NumPy and OpenCV only."""

from .apply import apply_op, apply_to_sample
from .bbox_only import PerBox
from .constants import Constants, resolve_constants
from .kernels import Geometry, Kernel, Pixels, Rng
from .levels import LevelMap
from .sample import Sample
from .spaces import SPACES, erasing_candidates, expand_candidates
from .spec import OpSpec
from .table import TABLES, get_op, register_op
from .zoph import ZOPH_POLICIES

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
