"""The detection table: the operations of Zoph et al.; more level may be weaker."""

from ddas_mm.ops import color
from ddas_mm.ops import geometry as affine
from ddas_mm.ops.kernels import Geometry, PerBox, Pixels, box_cutout, cutout, identity
from ddas_mm.ops.sampling import ZophGrid
from ddas_mm.ops.spec import LevelMap, OpSpec, whole_image

_GRID = ZophGrid()
_ZOPH = 'Zoph et al., autoaugment_utils.py'
_ENHANCE = LevelMap(1.8, 'factor, 1 is identity', _ZOPH, start=0.1)
_SOLARIZE = LevelMap(256, 'threshold; larger is weaker', _ZOPH, whole=True)
_DEGREES = LevelMap(30, 'degrees, counter-clockwise', _ZOPH)
_SHEAR = LevelMap(0.3, 'pixels per pixel', _ZOPH)
_SHIFT = LevelMap('translate_const', 'pixels', _ZOPH)
_BOX_SHIFT = LevelMap('translate_bbox_const', 'pixels', _ZOPH)
_BITS = LevelMap(4, 'bits kept; larger is weaker', _ZOPH, whole=True)
_GREYS = LevelMap(110, 'grey levels added', _ZOPH, whole=True)
_CUT = LevelMap('cutout_const', 'half side in pixels', _ZOPH, whole=True)
_BOX_CUT = LevelMap('cutout_bbox_const', 'half side in pixels', _ZOPH, whole=True)
_BOX_PART = LevelMap('cutout_max_pad_fraction', 'fraction of the box sides', _ZOPH)
_ORDER = ('channel_order',)
_SOLARIZED = Pixels(color.solarize, wide=True)
_ROTATE = Geometry(affine.rotation_zoph, _GRID)
_SHEAR_X = Geometry(affine.shear_x_at_pixel, _GRID)
_SHEAR_Y = Geometry(affine.shear_y_at_pixel, _GRID)
_TRANSLATE_X = Geometry(affine.translation_x, _GRID)
_TRANSLATE_Y = Geometry(affine.translation_y, _GRID)
_FLIP_LR = Geometry(affine.flip_left_right, _GRID)
_FLIP_UD = Geometry(affine.flip_up_down, _GRID)
_ROTATE_90 = Geometry(affine.quarter_turn, _GRID)
_COLOUR = (
    OpSpec('AutoContrast', Pixels(color.autocontrast_zoph, wide=True)),
    OpSpec('Equalize', Pixels(color.equalize)),
    OpSpec('Posterize', Pixels(color.posterize, wide=True), _BITS),
    OpSpec('Solarize', _SOLARIZED, _SOLARIZE),
    OpSpec('SolarizeAdd', Pixels(color.solarize_add, wide=True), _GREYS),
    OpSpec('Color', Pixels(color.color_zoph, _ORDER, colour=True), _ENHANCE),
    OpSpec('Contrast', Pixels(color.contrast, _ORDER, wide=True), _ENHANCE),
    OpSpec('Brightness', Pixels(color.brightness, wide=True), _ENHANCE),
    OpSpec('Sharpness', Pixels(color.sharpness_zoph), _ENHANCE),
    OpSpec('Cutout', cutout, _CUT),
    OpSpec('BBox_Cutout', box_cutout, _BOX_PART),
)
_WHOLE_IMAGE = (
    whole_image('Rotate_BBox', _ROTATE, _DEGREES),
    whole_image('TranslateX_BBox', _TRANSLATE_X, _SHIFT),
    whole_image('TranslateY_BBox', _TRANSLATE_Y, _SHIFT),
    whole_image('ShearX_BBox', _SHEAR_X, _SHEAR),
    whole_image('ShearY_BBox', _SHEAR_Y, _SHEAR),
)
_ONLY_BOXES = (
    OpSpec('Rotate_Only_BBoxes', PerBox(_ROTATE), _DEGREES, signed=True),
    OpSpec('ShearX_Only_BBoxes', PerBox(_SHEAR_X), _SHEAR, signed=True),
    OpSpec('ShearY_Only_BBoxes', PerBox(_SHEAR_Y), _SHEAR, signed=True),
    OpSpec('TranslateX_Only_BBoxes', PerBox(_TRANSLATE_X), _BOX_SHIFT, signed=True),
    OpSpec('TranslateY_Only_BBoxes', PerBox(_TRANSLATE_Y), _BOX_SHIFT, signed=True),
    OpSpec('Flip_Only_BBoxes', PerBox(_FLIP_LR)),
    OpSpec('Solarize_Only_BBoxes', PerBox(_SOLARIZED), _SOLARIZE),
    OpSpec('Equalize_Only_BBoxes', PerBox(Pixels(color.equalize))),
    OpSpec('Cutout_Only_BBoxes', PerBox(cutout), _BOX_CUT),
)
# Not among the 25 of Zoph et al.
_OURS = (
    OpSpec('Identity', identity),
    OpSpec('Invert', Pixels(color.invert, wide=True)),
    whole_image('Rotate90_BBox', _ROTATE_90),
    whole_image('FlipLR_BBox', _FLIP_LR),
    whole_image('FlipUD_BBox', _FLIP_UD),
)
# The 25 operations of Zoph et al. and five more.
DETECTION = (*_COLOUR, *_WHOLE_IMAGE, *_ONLY_BOXES, *_OURS)
