"""Operations on the content of single boxes (``*_Only_BBoxes`` of Zoph et al.)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .arrays import Array
from .boxes import crop_bounds
from .constants import Constants
from .kernels import Kernel, Rng
from .sample import Polygons, Sample


@dataclass(frozen=True)
class PerBox:
    """Apply a kernel to the content of each box with a probability.

    Boxes are visited in random order and compound where they overlap. Their content is
    a picture of its own (pivot, border, histogram), cut out, transformed and put back;
    the boxes stay. What lies in it moves along: the instance's own mask and the
    segmentation map, but no other instance's mask.

    Draws the permutation, then for each visited box a float and, where the box is
    taken (>= 1 - share), whatever the kernel draws.

    Attributes:
        kernel: Kernel for the content.
        share: Probability of each box. Zoph et al. pass a third of the policy's on to
            it, which is 1 here.
    """

    kernel: Kernel
    share: float = 1 / 3

    def __call__(
        self, sample: Sample, argument: float | None, rng: Rng, constants: Constants
    ) -> Sample:
        """Return the sample with the content of the chosen boxes transformed."""
        if len(sample.boxes) == 0:
            return sample
        canvas = _Canvas(sample)
        for index in map(int, rng.permutation(len(sample.boxes))):
            if rng.random() >= 1 - self.share:
                content = canvas.cut(index)
                changed = self.kernel(content, argument, rng, constants)
                canvas.paste(index, content, changed)
        return replace(
            sample, image=canvas.image, masks=canvas.masks, seg_map=canvas.seg_map
        )


class _Canvas:
    """A sample to paint on: what is painted on is copied first, each array once."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.image = sample.image.copy()
        self.masks = sample.masks
        self.seg_map = sample.seg_map

    def cut(self, index: int) -> Sample:
        """Return views of one box's content, with its own box and mask."""
        top, bottom, left, right = self._bounds(index)
        image = self.image[top:bottom, left:right]
        seg_map = None
        if self.seg_map is not None:
            seg_map = self.seg_map[top:bottom, left:right]
        if self.masks is None:
            return Sample(image, seg_map=seg_map)
        masks: Array | Polygons
        if isinstance(self.masks, np.ndarray):
            masks = self.masks[index : index + 1, top:bottom, left:right]
        else:
            masks = [[_shifted(points, -left, -top) for points in self.masks[index]]]
        origin = np.array([left, top, left, top], dtype=np.float32)
        return Sample(image, self.sample.boxes[index, None] - origin, masks, seg_map)

    def paste(self, index: int, content: Sample, changed: Sample) -> None:
        """Put content back that a kernel has changed."""
        top, bottom, left, right = self._bounds(index)
        self.image[top:bottom, left:right] = changed.image
        if self.seg_map is not None and changed.seg_map is not content.seg_map:
            if self.seg_map is self.sample.seg_map:
                self.seg_map = self.seg_map.copy()
            self.seg_map[top:bottom, left:right] = changed.seg_map
        if self.masks is None or changed.masks is content.masks:
            return
        assert changed.masks is not None
        if self.masks is self.sample.masks:
            self.masks = self.masks.copy()
        if isinstance(self.masks, np.ndarray):
            self.masks[index, top:bottom, left:right] = changed.masks[0]
        else:
            self.masks[index] = [_shifted(p, left, top) for p in changed.masks[0]]

    def _bounds(self, index: int) -> tuple[int, int, int, int]:
        return crop_bounds(self.sample.boxes[index], *self.image.shape[:2])


def _shifted(points: Array, x: float, y: float) -> Array:
    """Move a polygon (2k,)."""
    moved: Array = np.asarray(points).reshape(-1, 2) + np.array([x, y])
    return moved.ravel()
