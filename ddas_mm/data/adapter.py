"""Between mm's ``results`` dict and the operations' :class:`Sample`.

Types of mmdet are met by what they look like, so that nothing of it is imported.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ddas_mm.errors import SettingError
from ddas_mm.ops import Sample

NOT_MOVABLE = (
    'gt_keypoints',
    'gt_keypoints_visible',
    'keypoints',
    'proposals',
    'gt_panoptic_seg',
    'gt_poly_bboxes',
)
# What mm keeps per box, besides the boxes themselves.
PER_BOX = (
    'gt_bboxes_labels',
    'gt_ignore_flags',
    'gt_masks',
    'gt_instances_ids',
    'gt_instances_id',
    'instances_ids',
)
NO_BOXES = np.zeros((0, 4), np.float32)
MIN_SIDE = 1.0  # pixels of width and height below which a box has vanished


def unpack(results: dict[str, Any]) -> Sample:
    """Return image, boxes, masks and segmentation map of a sample.

    Raises:
        SettingError: If the image is not uint8 with three channels, or the sample
            holds something that the operations cannot move.
    """
    for key in NOT_MOVABLE:
        if results.get(key) is not None:
            raise SettingError(
                f'DDASAugment cannot move {key!r}, which this pipeline loads; '
                'take the key out of the pipeline, or use a space without geometry '
                'in a pipeline of its own'
            )
    image = results.get('img')
    if image is None:
        raise SettingError(
            "DDASAugment found no 'img' in the sample; "
            'put it behind the steps that load the image'
        )
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise SettingError(
            'DDASAugment needs uint8 images of shape (H, W, 3), but '
            f'{results.get("img_path", "the image")} is {image.dtype} {image.shape}; '
            'load it in colour without to_float32, and put DDASAugment before '
            'steps that normalise or pack'
        )
    boxes = results.get('gt_bboxes')
    return Sample(
        image=image,
        boxes=NO_BOXES if boxes is None else _box_array(boxes),
        masks=_mask_data(results.get('gt_masks')),
        seg_map=results.get('gt_seg_map'),
    )


def pack(results: dict[str, Any], sample: Sample) -> dict[str, Any]:
    """Return ``results`` with the sample's arrays, in the types they had."""
    packed = {**results, 'img': sample.image, 'img_shape': sample.image.shape[:2]}
    boxes = results.get('gt_bboxes')
    if boxes is not None:
        packed['gt_bboxes'] = _like(boxes, sample.boxes)
    masks = results.get('gt_masks')
    if masks is not None:
        packed['gt_masks'] = type(masks)(sample.masks, *sample.image.shape[:2])
    if sample.seg_map is not None:
        packed['gt_seg_map'] = sample.seg_map
    return packed


def drop_vanished(results: dict[str, Any]) -> dict[str, Any]:
    """Return ``results`` without boxes of less than a pixel, nor what is theirs."""
    boxes = results.get('gt_bboxes')
    if boxes is None or len(boxes) == 0:
        return results
    array = _box_array(boxes)
    keep = ((array[:, 2:] - array[:, :2]) >= MIN_SIDE).all(axis=1)
    if keep.all():
        return results
    kept = {**results, 'gt_bboxes': _like(boxes, array[keep])}
    for key in PER_BOX:
        value = results.get(key)
        if value is not None:
            kept[key] = _select(value, keep)
    return kept


def _box_array(boxes: Any) -> np.ndarray:
    tensor = getattr(boxes, 'tensor', boxes)
    if tensor is not boxes and type(boxes).__name__ != 'HorizontalBoxes':
        raise SettingError(
            f'DDASAugment cannot move boxes of type {type(boxes).__name__}; '
            'it moves HorizontalBoxes, tensors and arrays of xyxy'
        )
    if tensor.ndim != 2 or tensor.shape[1] != 4:
        raise SettingError(
            f'DDASAugment cannot move boxes of shape {tuple(tensor.shape)}; '
            'it moves (N, 4) boxes, xyxy in pixels'
        )
    return np.asarray(tensor, dtype=np.float32)


def _like(boxes: Any, array: np.ndarray) -> Any:
    if isinstance(boxes, np.ndarray):
        return array.astype(boxes.dtype, copy=False)
    if isinstance(boxes, torch.Tensor):
        return torch.from_numpy(array).to(boxes.dtype)
    return type(boxes)(torch.from_numpy(array))


def _mask_data(masks: Any) -> Any:
    if masks is None:
        return None
    if type(masks).__name__ not in ('BitmapMasks', 'PolygonMasks'):
        raise SettingError(
            f'DDASAugment cannot move gt_masks of type {type(masks).__name__}; '
            'it moves BitmapMasks and PolygonMasks'
        )
    return masks.masks


def _select(value: Any, keep: np.ndarray) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(v for v, k in zip(value, keep, strict=True) if k)
    if isinstance(value, torch.Tensor):
        return value[torch.from_numpy(keep)]
    return value[np.flatnonzero(keep)]
