"""What operations act on: image, boxes, masks, segmentation map."""

from dataclasses import dataclass, field

import numpy as np

from ddas_mm.ops.geometry import Affine, Array, Boxes, Image
from ddas_mm.ops.sampling import Move

Polygons = list[list[Array]]


def _no_boxes() -> Boxes:
    return np.zeros((0, 4), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Sample:
    """An image with everything that a geometric operation has to move along.

    All arrays are read-only by agreement: operations never write into their input,
    and what they return may share memory with it.

    Attributes:
        image: (H, W, C) uint8 or uint16, H, W and C at least 1. Three channels are
            colours; other numbers are a stack of grey images.
        boxes: (N, 4) float32 ``x1, y1, x2, y2`` in pixels; (0, 4) for none.
        masks: None; (N, H, W) uint8 bitmaps; or N lists of polygons, each a float
            array (2k,) ``x0, y0, x1, y1, ...`` in pixels.
        seg_map: None or (H, W) integer class indices.
        corners: None, or (N, 4, 2) float64 x and y of turned boxes, whose clipped hulls
            ``boxes`` are.

    Raises:
        TypeError: The image is neither uint8 nor uint16.
        ValueError: An array's shape does not fit.
    """

    image: Image
    boxes: Boxes = field(default_factory=_no_boxes)
    masks: Array | Polygons | None = None
    seg_map: Array | None = None
    corners: Array | None = None

    def __post_init__(self) -> None:
        image = self.image
        if image.dtype not in (np.uint8, np.uint16):
            raise TypeError(
                f'image must be uint8 or uint16, but got {image.dtype}; operations '
                'act before normalisation'
            )
        if image.ndim != 3 or 0 in image.shape:
            raise ValueError(
                f'image must be (H, W, C) with at least one pixel, but got '
                f'{image.shape}'
            )
        if self.boxes.ndim != 2 or self.boxes.shape[1] != 4:
            raise ValueError(f'boxes must be (N, 4), but got {self.boxes.shape}')
        if self.masks is not None and len(self.masks) != len(self.boxes):
            raise ValueError(
                f'masks and boxes must describe the same instances, but got '
                f'{len(self.masks)} masks and {len(self.boxes)} boxes'
            )


def warp_masks(
    masks: Array | Polygons | None, affine: Affine, move: Move, height: int, width: int
) -> Array | Polygons | None:
    """Move all masks of an image.

    Args:
        masks: (N, H, W) uint8, N lists of polygons, or None.
        affine: Map of the polygons.
        move: The same map for arrays of pixels.
        height: Image height.
        width: Image width.

    Returns:
        The same form; N, and the number of polygons of each instance, are kept.
    """
    if masks is None or len(masks) == 0:
        return masks
    if isinstance(masks, np.ndarray):
        return np.stack([move(mask, 0) for mask in masks])
    return [
        [warp_polygon(polygon, affine, height, width) for polygon in polygons]
        for polygons in masks
    ]


def warp_polygon(polygon: Array, affine: Affine, height: int, width: int) -> Array:
    """Move one polygon (2k,) and clip it; outside of the image it has no area left."""
    moved = affine.forward(np.asarray(polygon).reshape(-1, 2))
    return clip_polygon(moved, height, width).ravel()


def clip_polygon(points: Array, height: int, width: int) -> Array:
    """Cut a polygon to the image, side by side (Sutherland and Hodgman).

    Args:
        points: (k, 2) float, x and y in pixels.
        height: Image height.
        width: Image width.

    Returns:
        (m, 2), m >= 3 if k is. Where nothing is left, one point of the border, k
        times: instances keep their place in the list, without area.
    """
    limits = np.array([width, height], dtype=points.dtype)
    if points.min() >= 0 and (points <= limits).all():
        return points
    clipped = points
    for axis, limit, sign in ((0, 0, 1), (0, width, -1), (1, 0, 1), (1, height, -1)):
        clipped = _cut(clipped, axis, limit, sign)
        if len(clipped) < 3:
            return np.tile(np.clip(points[0], 0, limits), (len(points), 1))
    # Interpolated crossings may miss the border by a rounding error.
    return np.clip(clipped, 0, limits)


def _cut(points: Array, axis: int, limit: float, sign: int) -> Array:
    """Keep the part of a polygon where ``sign * (coordinate - limit) >= 0``."""
    depth = sign * (points[:, axis] - limit)
    inside = depth >= 0
    if inside.all():
        return points
    following, following_depth = np.roll(points, -1, axis=0), np.roll(depth, -1)
    crosses = inside != np.roll(inside, -1)
    share = np.divide(
        depth, depth - following_depth, out=np.zeros_like(depth), where=crosses
    )
    crossings = points + share[:, None] * (following - points)
    # Each point, where kept, is followed by its edge's crossing, where there is one.
    candidates = np.stack([points, crossings], axis=1).reshape(-1, 2)
    kept: Array = np.stack([inside, crosses], axis=1).ravel()
    return candidates[kept]
