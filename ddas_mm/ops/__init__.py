"""Image operations: arrays in, arrays out; NumPy, OpenCV and Pillow only."""

from .apply import apply_op, apply_to_sample
from .constants import Constants, resolve_constants
from .kernels import Geometry, Kernel, Pixels, Rng
from .levels import LevelMap
from .sample import Sample
from .spaces import SPACES, erasing_candidates, expand_candidates
from .spec import OpSpec
from .table import TABLES, get_op, register_op

__all__ = [
    'SPACES',
    'TABLES',
    'Constants',
    'Geometry',
    'Kernel',
    'LevelMap',
    'OpSpec',
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
