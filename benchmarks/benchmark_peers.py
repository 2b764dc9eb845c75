"""The other libraries' operations of the same names, for ``benchmark_ops.py``."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

Contestant = Callable[[], object]
_AFFINE = Image.Transform.AFFINE


def mm_peer(
    image: np.ndarray, boxes: np.ndarray, kind: str, value: float
) -> Contestant | None:
    """Return mmcv's function, or mmdet's transform where there are boxes to move."""
    if len(boxes):
        peer = _mmdet_peer(image, boxes, kind)
        if peer is not None:
            return peer
    mmcv = importlib.import_module('mmcv')
    near = {'interpolation': 'nearest'}
    side = int(2 * value)
    return {
        'AutoContrast': lambda: mmcv.auto_contrast(image),
        'Equalize': lambda: mmcv.imequalize(image),
        'Invert': lambda: mmcv.iminvert(image),
        'Posterize': lambda: mmcv.posterize(image, value),
        'Solarize': lambda: mmcv.solarize(image, value),
        'Color': lambda: mmcv.adjust_color(image, value),
        'Contrast': lambda: mmcv.adjust_contrast(image, value),
        'Brightness': lambda: mmcv.adjust_brightness(image, value),
        'Sharpness': lambda: mmcv.adjust_sharpness(image, value),
        'Cutout': lambda: mmcv.cutout(image, (side, side), 128),
        'Rotate': lambda: mmcv.imrotate(image, value, border_value=128, **near),
        'ShearX': lambda: mmcv.imshear(image, value, 'horizontal', 128, **near),
        'ShearY': lambda: mmcv.imshear(image, value, 'vertical', 128, **near),
        'TranslateX': lambda: mmcv.imtranslate(image, value, 'horizontal', 128, **near),
        'TranslateY': lambda: mmcv.imtranslate(image, value, 'vertical', 128, **near),
        # A view, which whatever comes next has to copy.
        'FlipLR': lambda: np.ascontiguousarray(mmcv.imflip(image)),
        'FlipUD': lambda: np.ascontiguousarray(mmcv.imflip(image, 'vertical')),
    }.get(kind)


def _mmdet_peer(image: np.ndarray, boxes: np.ndarray, kind: str) -> Contestant | None:
    transforms = importlib.import_module('mmdet.datasets.transforms')
    structures = importlib.import_module('mmdet.structures.bbox')
    warp = {
        'prob': 1.0,
        'level': 6,
        'img_border_value': 128,
        'interpolation': 'nearest',
    }
    make = {
        'SolarizeAdd': lambda: transforms.SolarizeAdd(prob=1.0, level=6),
        'Rotate': lambda: transforms.Rotate(**warp),
        'ShearX': lambda: transforms.ShearX(**warp),
        'ShearY': lambda: transforms.ShearY(**warp),
        'TranslateX': lambda: transforms.TranslateX(**warp),
        'TranslateY': lambda: transforms.TranslateY(**warp),
        'FlipLR': lambda: transforms.RandomFlip(prob=1.0),
        'FlipUD': lambda: transforms.RandomFlip(prob=1.0, direction='vertical'),
    }.get(kind)
    if make is None:
        return None
    transform, gt_boxes = make(), structures.HorizontalBoxes(boxes)

    def run() -> np.ndarray:
        results = {'img': image, 'img_shape': image.shape[:2]}
        results['gt_bboxes'] = gt_boxes.clone()  # mmdet moves them in place
        return np.ascontiguousarray(transform(results)['img'])

    return run


def pillow_operation(kind: str, value: float) -> Callable | None:
    """Return Pillow's operation on a Pillow image."""

    def affine(*matrix: float) -> Callable:
        return lambda image: image.transform(image.size, _AFFINE, matrix)

    return {
        'AutoContrast': ImageOps.autocontrast,
        'Equalize': ImageOps.equalize,
        'Invert': ImageOps.invert,
        'Posterize': lambda image: ImageOps.posterize(image, int(value)),
        'Solarize': lambda image: ImageOps.solarize(image, int(value)),
        'Color': lambda image: ImageEnhance.Color(image).enhance(value),
        'Contrast': lambda image: ImageEnhance.Contrast(image).enhance(value),
        'Brightness': lambda image: ImageEnhance.Brightness(image).enhance(value),
        'Sharpness': lambda image: ImageEnhance.Sharpness(image).enhance(value),
        'Blur': lambda image: image.filter(ImageFilter.BLUR),
        'Smooth': lambda image: image.filter(ImageFilter.SMOOTH),
        'Rotate': lambda image: image.rotate(value),
        'Rotate90': lambda image: image.rotate(90),
        'ShearX': affine(1, value, 0, 0, 1, 0),
        'ShearY': affine(1, 0, 0, value, 1, 0),
        'TranslateX': affine(1, 0, value, 0, 1, 0),
        'TranslateY': affine(1, 0, 0, 0, 1, value),
        'FlipLR': ImageOps.mirror,
        'FlipUD': ImageOps.flip,
    }.get(kind)


def albumentations_peer(
    image: np.ndarray, boxes: np.ndarray, kind: str, value: float
) -> Contestant | None:
    """Return albumentations' transform of this name, or None."""
    try:
        alb = importlib.import_module('albumentations')
    except ImportError:
        return None
    warp = {'interpolation': cv2.INTER_NEAREST, 'fill': 128, 'p': 1}
    degrees, pixels = float(np.degrees(np.arctan(value))), int(value)
    make = {
        'AutoContrast': lambda: alb.AutoContrast(p=1),
        'Equalize': lambda: alb.Equalize(p=1),
        'Invert': lambda: alb.InvertImg(p=1),
        'Posterize': lambda: alb.Posterize(num_bits=int(value), p=1),
        'Solarize': lambda: alb.Solarize(threshold_range=(value / 255,) * 2, p=1),
        'Cutout': lambda: alb.CoarseDropout(
            num_holes_range=(1, 1),
            hole_height_range=(int(2 * value),) * 2,
            hole_width_range=(int(2 * value),) * 2,
            fill=128,
            p=1,
        ),
        'Rotate': lambda: alb.Rotate(limit=(value, value), **warp),
        'ShearX': lambda: alb.Affine(shear={'x': (degrees,) * 2, 'y': (0, 0)}, **warp),
        'ShearY': lambda: alb.Affine(shear={'y': (degrees,) * 2, 'x': (0, 0)}, **warp),
        'TranslateX': lambda: alb.Affine(translate_px={'x': pixels, 'y': 0}, **warp),
        'TranslateY': lambda: alb.Affine(translate_px={'y': pixels, 'x': 0}, **warp),
        'FlipLR': lambda: alb.HorizontalFlip(p=1),
        'FlipUD': lambda: alb.VerticalFlip(p=1),
    }.get(kind)
    if make is None:
        return None
    transform = make()
    if len(boxes) == 0:
        return lambda: transform(image=image)['image']
    composed = alb.Compose(
        [transform], bbox_params=alb.BboxParams('pascal_voc', label_fields=['labels'])
    )
    labels = list(range(len(boxes)))
    return lambda: composed(image=image, bboxes=boxes, labels=labels)['image']
