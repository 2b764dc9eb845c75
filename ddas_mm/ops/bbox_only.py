"""Operations on the content of single boxes (``*_Only_BBoxes`` of Zoph et al., A4)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .boxes import crop_bounds
from .constants import Constants
from .kernels import Kernel, Rng
from .sample import Sample

# Policy probability 1, of which Zoph et al. pass a third on to each box.
_SKIP_BELOW = 2 / 3


@dataclass(frozen=True)
class PerBox:
    """Apply a kernel to the content of each box with probability 1/3.

    Boxes are visited in random order and compound where they overlap. Their content is
    a picture of its own (pivot, border, histogram), cut out, transformed and put back;
    the boxes stay. What lies in it moves along: the instance's own mask and the
    segmentation map, but no other instance's mask.

    Draws the permutation, then for each visited box a float and, where the box is
    taken (>= 2/3), whatever the kernel draws.

    Attributes:
        kernel: Kernel for the content.
    """

    kernel: Kernel

    def __call__(
        self, sample: Sample, argument: float | None, rng: Rng, constants: Constants
    ) -> Sample:
        """Return the sample with the content of the chosen boxes transformed."""
        if len(sample.boxes) == 0:
            return sample
        canvas = replace(sample, image=sample.image.copy())
        for index in rng.permutation(len(sample.boxes)):
            if rng.random() >= _SKIP_BELOW:
                content, bounds = _cut(canvas, int(index))
                changed = self.kernel(content, argument, rng, constants)
                canvas = _pasted(canvas, sample, int(index), content, changed, bounds)
        return canvas


Bounds = tuple[int, int, int, int]


def _cut(sample: Sample, index: int) -> tuple[Sample, Bounds]:
    """Return views of one box's content, with its own mask and box, and its place."""
    top, bottom, left, right = bounds = crop_bounds(
        sample.boxes[index], *sample.image.shape[:2]
    )
    window = slice(top, bottom), slice(left, right)
    image = sample.image[window]
    seg_map = None if sample.seg_map is None else sample.seg_map[window]
    if sample.masks is None:
        return Sample(image, seg_map=seg_map), bounds
    if isinstance(sample.masks, np.ndarray):
        masks = sample.masks[index : index + 1, top:bottom, left:right]
    else:
        masks = [[_shifted(points, -left, -top) for points in sample.masks[index]]]
    box = sample.boxes[index : index + 1] - np.float32((left, top, left, top))
    return Sample(image, box, masks, seg_map), bounds


def _pasted(
    canvas: Sample,
    original: Sample,
    index: int,
    content: Sample,
    changed: Sample,
    bounds: Bounds,
) -> Sample:
    """Write changed content back; arrays still shared with the input are copied."""
    top, bottom, left, right = bounds
    canvas.image[top:bottom, left:right] = changed.image
    if changed.seg_map is not content.seg_map:
        if canvas.seg_map is original.seg_map:
            canvas = replace(canvas, seg_map=original.seg_map.copy())
        canvas.seg_map[top:bottom, left:right] = changed.seg_map
    if changed.masks is not content.masks:
        if canvas.masks is original.masks:
            canvas = replace(canvas, masks=original.masks.copy())
        if isinstance(canvas.masks, np.ndarray):
            canvas.masks[index, top:bottom, left:right] = changed.masks[0]
        else:
            canvas.masks[index] = [
                _shifted(points, left, top) for points in changed.masks[0]
            ]
    return canvas


def _shifted(points: np.ndarray, x: float, y: float) -> np.ndarray:
    """Move a polygon (2k,)."""
    return (np.asarray(points).reshape(-1, 2) + np.array([x, y])).ravel()
