"""The value that every operation takes and returns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .arrays import Array, Boxes, Image

Polygons = list[list[Array]]


def _no_boxes() -> Boxes:
    return np.zeros((0, 4), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Sample:
    """An image with everything that a geometric operation has to move along.

    All arrays are read-only by agreement: operations never write into their input,
    and what they return may share memory with it.

    Attributes:
        image: (H, W, 3) uint8, H and W at least 1.
        boxes: (N, 4) float32 ``x1, y1, x2, y2`` in pixels; (0, 4) for none.
        masks: None; (N, H, W) uint8 bitmaps; or N lists of polygons, each a float
            array (2k,) ``x0, y0, x1, y1, ...`` in pixels.
        seg_map: None or (H, W) integer class indices.

    Raises:
        TypeError: The image is not uint8.
        ValueError: An array's shape does not fit.
    """

    image: Image
    boxes: Boxes = field(default_factory=_no_boxes)
    masks: Array | Polygons | None = None
    seg_map: Array | None = None

    def __post_init__(self) -> None:
        image = self.image
        if image.dtype != np.uint8:
            raise TypeError(
                f'image must be uint8, but got {image.dtype}; operations act before '
                'normalisation'
            )
        if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise ValueError(
                f'image must be (H, W, 3) with at least one pixel, but got '
                f'{image.shape}'
            )
        if self.boxes.ndim != 2 or self.boxes.shape[1] != 4:
            raise ValueError(f'boxes must be (N, 4), but got {self.boxes.shape}')
        if self.masks is not None and len(self.masks) != len(self.boxes):
            raise ValueError(
                f'masks and boxes must describe the same instances, but got '
                f'{len(self.masks)} masks and {len(self.boxes)} boxes'
            )
