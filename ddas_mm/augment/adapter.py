"""Between mm's ``results`` dict and the operations' :class:`Sample`.

Types of mmdet are met by what they look like, so that nothing of it is imported.
"""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from ddas_mm.errors import SettingError
from ddas_mm.ops import Sample
from ddas_mm.ops.geometry import corner_hulls, rectangle_corners, smallest_rectangles

NOT_MOVABLE = (
    *('gt_keypoints', 'keypoints', 'keypoints_visible', 'gt_panoptic_seg'),
    *('gt_poly_bboxes', 'proposals'),
)
# What mm keeps per box.
PER_BOX = (
    *('gt_bboxes', 'gt_bboxes_labels', 'gt_ignore_flags', 'gt_masks'),
    *('gt_instances_ids', 'gt_instances_id', 'instances_ids'),
)
# Annotations that stay right; other arrays whose name begins with gt_ are refused.
MOVABLE = (*PER_BOX, 'gt_seg_map', 'gt_label', 'gt_score')
NO_BOXES = np.zeros((0, 4), np.float32)
# mmrotate's types, and what makes corners (N, 4, 2) of their tensors.
CORNERS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'RotatedBoxes': rectangle_corners,
    'QuadriBoxes': lambda boxes: boxes.reshape(-1, 4, 2),
}
MIN_SIDE = 1.0  # pixels of width and height below which a box has vanished


def unpack(
    results: dict[str, Any], needs_boxes: bool = True, moves: bool = True
) -> Sample:
    """Return image, boxes, masks and segmentation map of a sample.

    Args:
        results: mm's dict of a sample.
        needs_boxes: Whether operations have to know the boxes; else there are none.
        moves: Whether operations may move what lies on the image; else there are no
            masks and no segmentation map.

    Raises:
        SettingError: If the image is not of whole numbers up to 255 or 65535, a box is
            not finite, or the sample holds something that the operations
            cannot move.
    """
    image = _image(results)
    boxes, corners = results.get('gt_bboxes') if needs_boxes else None, None
    if type(boxes).__name__ in CORNERS:
        corners = _corners(boxes)
        boxes = corner_hulls(corners, *image.shape[:2])
    boxes = NO_BOXES if boxes is None else _box_array(boxes)
    if not np.isfinite(boxes).all():
        raise SettingError(
            f'{results.get("img_path", "an image")} has a box that is not finite; put '
            'it right in the annotations'
        )
    if not moves:
        return Sample(image, boxes, corners=corners)
    _check_movable(results, len(boxes))
    masks = _mask_data(results.get('gt_masks'), image)
    seg_map = _seg_map(results.get('gt_seg_map'), image)
    return Sample(image, boxes, masks, seg_map, corners)


def pack(results: dict[str, Any], sample: Sample, moves: bool = True) -> dict[str, Any]:
    """Return ``results`` with the sample's arrays, in the types they had.

    Boxes are new; masks and segmentation map that no operation moved are the old ones.
    Where nothing ``moves``, the image alone is the sample's.
    """
    image = sample.image.astype(results['img'].dtype, copy=False)
    image = image.reshape(results['img'].shape)  # a plane has no axis of channels
    packed = {**results, 'img': image, 'img_shape': image.shape[:2]}
    boxes, masks = results.get('gt_bboxes'), results.get('gt_masks')
    if boxes is not None:
        if not moves:
            packed['gt_bboxes'] = copy.deepcopy(boxes)
        elif sample.corners is not None:
            packed['gt_bboxes'] = _turned(boxes, sample.corners)
        else:
            packed['gt_bboxes'] = _like(boxes, sample.boxes)
    if moves and masks is not None and sample.masks is not masks.masks:
        packed['gt_masks'] = type(masks)(sample.masks, *sample.image.shape[:2])
    if sample.seg_map is not None:
        packed['gt_seg_map'] = sample.seg_map
    return packed


def drop_vanished(results: dict[str, Any], boxes: np.ndarray) -> dict[str, Any]:
    """Return ``results`` without boxes of less than a pixel, nor what is theirs.

    Args:
        results: mm's dict of a sample.
        boxes: (N, 4) float32, its boxes before they were rounded to its dtype.
    """
    keep = ((boxes[:, 2:] - boxes[:, :2]) >= MIN_SIDE).all(axis=1)
    if keep.all():
        return results
    per_box = {key: results[key] for key in PER_BOX if results.get(key) is not None}
    return {**results, **{k: _select(value, keep) for k, value in per_box.items()}}


def _image(results: dict[str, Any]) -> np.ndarray:
    image = results.get('img')
    if image is None:
        raise SettingError(
            "DDASAugment found no 'img' in the sample; "
            'put it behind the steps that load the image'
        )
    shape, dtype = getattr(image, 'shape', ()), getattr(image, 'dtype', '')
    if isinstance(image, np.ndarray) and dtype == np.float32:  # of to_float32=True
        pixels = image.clip(0, 255).astype(np.uint8)
        image = pixels if (pixels == image).all() else image
    usable = isinstance(image, np.ndarray) and image.dtype in (np.uint8, np.uint16)
    if not usable or image.ndim not in (2, 3) or 0 in image.shape:
        path = results.get('img_path', 'the image')
        raise SettingError(
            'DDASAugment needs arrays of uint8 or uint16, (H, W) or (H, W, C), or '
            f'float32 of whole numbers up to 255, but {path} is {type(image).__name__} '
            f'{dtype} {tuple(shape)}; put DDASAugment before steps that normalise or '
            'pack, and load without scaling'
        )
    return image if image.ndim == 3 else image[..., None]


def _check_movable(results: dict[str, Any], num_boxes: int) -> None:
    for key, value in results.items():
        unknown = key.startswith('gt_') and key not in MOVABLE and _holds_array(value)
        if unknown or (key in NOT_MOVABLE and value is not None):
            raise SettingError(
                f'DDASAugment cannot move {key!r}, which this pipeline loads; '
                'take the key out of the pipeline'
            )
    boxes = results.get('gt_bboxes')
    if boxes is None and results.get('gt_masks') is not None:
        raise SettingError(
            "DDASAugment moves 'gt_masks' along with boxes only; "
            'set with_bbox=True in LoadAnnotations'
        )
    for key in () if boxes is None else PER_BOX:
        value = results.get(key)
        if value is not None and len(value) != num_boxes:
            raise SettingError(
                f'DDASAugment needs one entry per box in {key!r}, but got '
                f'{len(value)} for {num_boxes} boxes'
            )


def _holds_array(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_array, value))
    return isinstance(value, (np.ndarray, torch.Tensor)) or hasattr(value, 'tensor')


def _box_array(boxes: Any) -> np.ndarray:
    tensor = getattr(boxes, 'tensor', boxes)
    wrapped = tensor is not boxes
    known = isinstance(tensor, (np.ndarray, torch.Tensor))
    if not known or (wrapped and type(boxes).__name__ != 'HorizontalBoxes'):
        raise SettingError(
            f'DDASAugment cannot move boxes of type {type(boxes).__name__}; it moves '
            f'HorizontalBoxes, {", ".join(CORNERS)}, and tensors and arrays of xyxy'
        )
    if tensor.ndim != 2 or tensor.shape[1] != 4:
        raise SettingError(
            f'DDASAugment cannot move boxes of shape {tuple(tensor.shape)}; '
            'it moves (N, 4) boxes, xyxy in pixels'
        )
    if isinstance(tensor, torch.Tensor):
        return tensor.float().numpy()
    return tensor.astype(np.float32, copy=False)


def _corners(boxes: Any) -> np.ndarray:
    """Return (N, 4, 2) of mmrotate's boxes."""
    array = boxes.tensor.double().numpy()
    return CORNERS[type(boxes).__name__](array)


def _turned(boxes: Any, corners: np.ndarray) -> Any:
    """Return mmrotate's boxes with other corners, angles in the range that they had."""
    if np.array_equal(_corners(boxes), corners):
        return copy.deepcopy(boxes)
    if type(boxes).__name__ == 'QuadriBoxes':
        moved = type(boxes)(torch.from_numpy(corners.reshape(-1, 8)))
    else:
        moved = type(boxes)(torch.from_numpy(smallest_rectangles(corners)))
        width, height, angle = boxes.tensor.double().T[2:]
        longer = bool((width >= height).all())
        if longer:  # the ranges of le90 and le135
            start = -90 if (angle.abs() <= np.pi / 2).all() else -45
        else:  # of oc, and of newer OpenCV
            start = -90 if (angle < 0).all() else 0
        moved.regularize_boxes(width_longer=longer, start_angle=start)
    return moved.to(boxes.tensor.dtype)


def _like(boxes: Any, array: np.ndarray) -> Any:
    tensor = getattr(boxes, 'tensor', boxes)
    is_array = isinstance(tensor, np.ndarray)
    if tensor.dtype.kind in 'iu' if is_array else not tensor.dtype.is_floating_point:
        array = np.floor(array + 0.5)  # not to even: a box of one pixel keeps it
    if is_array:
        return array.astype(tensor.dtype)
    moved = torch.tensor(array, dtype=tensor.dtype)
    return moved if tensor is boxes else type(boxes)(moved)


def _mask_data(masks: Any, image: np.ndarray) -> Any:
    if masks is None:
        return None
    if type(masks).__name__ not in ('BitmapMasks', 'PolygonMasks'):
        raise SettingError(
            f'DDASAugment cannot move gt_masks of type {type(masks).__name__}; '
            'it moves BitmapMasks and PolygonMasks'
        )
    _check_size('gt_masks', (masks.height, masks.width), image)
    return masks.masks


def _seg_map(seg_map: Any, image: np.ndarray) -> np.ndarray | None:
    if seg_map is None:
        return None
    # 255, which stands for "ignore", has to fit.
    if not isinstance(seg_map, np.ndarray) or not (
        seg_map.dtype.kind in 'iu' and np.can_cast(np.uint8, seg_map.dtype)
    ):
        raise SettingError(
            "DDASAugment needs 'gt_seg_map' as an array of class indices, uint8 or "
            f'wider, but got {type(seg_map).__name__} {getattr(seg_map, "dtype", "")}'
        )
    _check_size('gt_seg_map', seg_map.shape, image)
    return seg_map


def _check_size(key: str, size: tuple[int, ...], image: np.ndarray) -> None:
    if size != image.shape[:2]:
        raise SettingError(
            f'DDASAugment needs {key!r} in the size of the image, {image.shape[:2]}, '
            f'but it has {size}; put DDASAugment before steps that resize only one'
        )


def _select(value: Any, keep: np.ndarray) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(v for v, k in zip(value, keep, strict=True) if k)
    if isinstance(value, torch.Tensor) or hasattr(value, 'tensor'):
        return value[torch.from_numpy(keep)]
    return value[np.flatnonzero(keep)]
