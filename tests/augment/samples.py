"""Small samples with mmdet's structures, and operations applied to them."""

import numpy as np
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks

from ddas_mm.augment.candidates import CandidateOps, build_space

H, W = 12, 20
BOXES = [[2.0, 1.0, 9.0, 8.0], [10.0, 3.0, 17.0, 11.0], [0.0, 0.0, 3.0, 12.0]]
SHIFT = dict(op='TranslateX_BBox', level=10)


class Script:
    """A generator whose every float is ``value``; >= 0.5 is a positive sign."""

    def __init__(self, value=0.9):
        self.value = value

    def random(self):
        return self.value

    def permutation(self, n):
        return np.arange(n)


def apply(results, op, level=None, rng=None, **constants):
    levels = [] if level is None else [level]
    space = dict(table='detection', ops=[op], levels=levels, constants=constants)
    return CandidateOps(build_space(space)).apply(results, [0], rng or Script())


def shift(results, pixels, **constants):
    """Move everything ``pixels`` to the left."""
    return apply(results, **SHIFT, translate_const=pixels, **constants)


def image_of(height=H, width=W):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def sample_of(boxes=BOXES, make=HorizontalBoxes, **more):
    return {'img': image_of(), 'gt_bboxes': make(boxes), **more}


def plain(boxes):
    return np.asarray(getattr(boxes, 'tensor', boxes))


def rectangles(boxes):
    """One bitmap per box of whole pixels."""
    masks = np.zeros((len(boxes), H, W), np.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, np.array(boxes, int), strict=True):
        mask[y1:y2, x1:x2] = 1
    return BitmapMasks(masks, H, W)


def corners(x1, y1, x2, y2):
    return np.array([x1, y1, x2, y1, x2, y2, x1, y2], np.float64)
