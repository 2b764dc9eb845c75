"""The classification table: DDAS on Pillow's operations; more level = stronger.

Levels are on AutoAugment's scale, 10 for what it calls full; the spaces of the paper go
on to 14. Whole numbers are cut off towards zero, as DDAS does with ``int()``. Enhancing
factors are ``0.1 + 0.18 level``: level 5 leaves the image as it is, lower ones take
away and higher ones add. Rotate, shears and shifts go to either side, by a random sign.
Shifts and the side of Cutout are pixels of an image of ``reference_side``, 32 as in
CIFAR, and grow with the image.
"""

from ddas_mm.ops import color
from ddas_mm.ops import geometry as affine
from ddas_mm.ops.kernels import Geometry, Pixels, identity, scaled_cutout
from ddas_mm.ops.sampling import PillowGrid
from ddas_mm.ops.spec import LevelMap, OpSpec, whole_image

_GRID = PillowGrid()
_DDAS = "DDAS, augmentations.py (AutoAugment's CIFAR scale)"
_ENHANCE = LevelMap(1.8, 'factor, 1 is identity', _DDAS, start=0.1)
_SHEAR = LevelMap(0.3, 'pixels per pixel', _DDAS)
_SHIFT = LevelMap(10, 'pixels of an image of reference_side', _DDAS, whole=True)
_DEGREES = LevelMap(30, 'degrees, counter-clockwise', _DDAS, whole=True)
_BITS = LevelMap(4, 'bits kept', _DDAS, start=4, whole=True, direction=-1)
_LIMIT = LevelMap(256, 'threshold', _DDAS, start=256, whole=True, direction=-1)
_SIDE = LevelMap(20, 'side in pixels of an image of reference_side', _DDAS, whole=True)
_ORDER = ('channel_order',)
# The 18 operations of the paper, FlipLR, Cutout and Rotate90.
CLASSIFICATION = (
    OpSpec('Identity', identity),
    OpSpec('AutoContrast', Pixels(color.autocontrast_pillow, wide=True)),
    OpSpec('Equalize', Pixels(color.equalize)),
    OpSpec('Invert', Pixels(color.invert, wide=True)),
    OpSpec('Blur', Pixels(color.blur)),
    OpSpec('Smooth', Pixels(color.smooth)),
    whole_image('FlipLR', Geometry(affine.flip_left_right, _GRID)),
    whole_image('FlipUD', Geometry(affine.flip_up_down, _GRID)),
    whole_image('Rotate90', Geometry(affine.quarter_turn, _GRID)),
    whole_image('Rotate', Geometry(affine.rotation, _GRID), _DEGREES),
    whole_image('ShearX', Geometry(affine.shear_x_at_corner, _GRID), _SHEAR),
    whole_image('ShearY', Geometry(affine.shear_y_at_corner, _GRID), _SHEAR),
    whole_image('TranslateX', Geometry(affine.translation_x, _GRID, axis=1), _SHIFT),
    whole_image('TranslateY', Geometry(affine.translation_y, _GRID, axis=0), _SHIFT),
    OpSpec('Posterize', Pixels(color.posterize, wide=True), _BITS),
    OpSpec('Solarize', Pixels(color.solarize, wide=True), _LIMIT),
    OpSpec('Color', Pixels(color.color_pillow, _ORDER, colour=True), _ENHANCE),
    OpSpec('Contrast', Pixels(color.contrast, _ORDER, wide=True), _ENHANCE),
    OpSpec('Brightness', Pixels(color.brightness, wide=True), _ENHANCE),
    OpSpec('Sharpness', Pixels(color.sharpness_pillow), _ENHANCE),
    OpSpec('Cutout', scaled_cutout, _SIDE),
)
