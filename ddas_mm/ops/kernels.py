"""How an operation acts: on pixels, on the plane, inside each box."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ddas_mm.ops import geometry
from ddas_mm.ops.constants import Constants
from ddas_mm.ops.geometry import Affine, Array, Image, corner_hulls
from ddas_mm.ops.sample import Polygons, Sample, warp_masks
from ddas_mm.ops.sampling import Grid, fill_of, paint, plan_warp

# Asked for ``random()``, ``integers(low, high)`` and ``permutation(n)`` alone.
Rng = np.random.Generator
# Turns a sample into another; never writes into its input. Takes what to transform,
# what the row's level map gave (signed; None without one), the source of all randomness
# but the sign, and the settings of the table.
Kernel = Callable[[Sample, float | None, Rng, Constants], Sample]


def identity(sample: Sample, *_: Any) -> Sample:
    """Return ``sample`` itself."""
    return sample


@dataclass(frozen=True)
class Pixels:
    """A function of the image alone: ``function(image[, argument], **settings)``.

    Attributes:
        function: Takes and returns an image of three channels, or one plane (H, W).
        settings: Names of the constants that it takes by keyword.
        colour: Whether it means nothing but for three channels; others stay.
        wide: Whether it has an exact counterpart for 16 bits.
    """

    function: Callable[..., Image]
    settings: tuple[str, ...] = ()
    colour: bool = False
    wide: bool = False

    def __call__(
        self, sample: Sample, argument: float | None, _: Rng, constants: Constants
    ) -> Sample:
        """Transform the image; everything else stays.

        Raises:
            ValueError: The image has 16 bits, and the function none.
        """
        image = sample.image
        if image.dtype == np.uint16 and not self.wide:
            raise ValueError(f'{self.function.__name__} is not defined for uint16')
        arguments = () if argument is None else (argument,)
        settings = {name: getattr(constants, name) for name in self.settings}
        if image.shape[2] == 3:
            return replace(sample, image=self.function(image, *arguments, **settings))
        if self.colour:
            return sample
        planes = [
            self.function(np.ascontiguousarray(image[..., c]), *arguments, **settings)
            for c in range(image.shape[2])
        ]
        return replace(sample, image=np.dstack(planes))


@dataclass(frozen=True)
class Geometry:
    """An affine map of the image with all that lies on it.

    Attributes:
        matrix: ``matrix([argument,] height, width)``.
        grid: Sampling convention of the table.
        axis: Of an argument in pixels of an image of ``reference_side``, the axis whose
            side they are scaled with: 0 for the height, 1 for the width.
    """

    matrix: Callable[..., Affine]
    grid: Grid
    axis: int | None = None

    def __call__(
        self, sample: Sample, argument: float | None, _: Rng, constants: Constants
    ) -> Sample:
        """Move image, boxes, masks and segmentation map by the same matrix."""
        height, width = sample.image.shape[:2]
        if argument is not None and self.axis is not None:
            argument *= side_scale((height, width)[self.axis], constants)
        arguments = () if argument is None else (argument,)
        affine = self.matrix(*arguments, height, width)
        move = plan_warp(affine, self.grid, height, width)
        seg_map, corners = sample.seg_map, sample.corners
        if corners is None:
            boxes = geometry.warp_boxes(sample.boxes, affine, height, width)
        else:
            corners = geometry.warp_corners(corners, affine)
            boxes = corner_hulls(corners, height, width)
        return Sample(
            image=move(sample.image, fill_of(sample.image, constants.fill_colour)),
            boxes=boxes,
            masks=warp_masks(sample.masks, affine, move, height, width),
            seg_map=None if seg_map is None else move(seg_map, constants.seg_fill),
            corners=corners,
        )


def side_scale(side: int, constants: Constants) -> float:
    """Return image pixels per pixel of a level; 1 where levels are absolute."""
    reference = constants.reference_side
    return 1.0 if reference is None else side / reference


def cutout(
    sample: Sample, argument: float | None, rng: Rng, constants: Constants
) -> Sample:
    """Cover a square around a uniformly drawn pixel (Zoph et al.).

    ``argument`` is half the side in pixels; the square is cut at the image's border.
    Draws the centre's row, then its column.
    """
    assert argument is not None
    pad = int(argument)
    height, width = sample.image.shape[:2]
    row = int(rng.integers(0, height))
    column = int(rng.integers(0, width))
    return _covered(sample, row, column, pad, pad, constants)


def scaled_cutout(
    sample: Sample, argument: float | None, rng: Rng, constants: Constants
) -> Sample:
    """Cutout with DDAS's unit: ``argument`` is the side of the square in pixels.

    They are pixels of an image of ``reference_side``; the shorter side counts where
    the image is no square. Half the side, rounded down, is covered to each direction.
    """
    assert argument is not None
    side = argument * side_scale(min(sample.image.shape[:2]), constants)
    return cutout(sample, int(side) // 2, rng, constants)


def box_cutout(
    sample: Sample, argument: float | None, rng: Rng, constants: Constants
) -> Sample:
    """Cover a rectangle around a point of one uniformly drawn box.

    ``argument`` is the covered fraction of the box's height and width; the rectangle is
    cut at the image's border, not the box's. Draws the box, the row, the column.
    """
    assert argument is not None
    if len(sample.boxes) == 0:
        return sample
    height, width = sample.image.shape[:2]
    box = sample.boxes[int(rng.integers(0, len(sample.boxes)))]
    # Unlike crop_bounds, the far edge may be the image's own: one past the last pixel.
    left, top, right, bottom = np.clip(box, 0, (width, height) * 2).astype(int).tolist()
    pad_y = int(argument * (bottom - top + 1) / 2)
    pad_x = int(argument * (right - left + 1) / 2)
    row = int(rng.integers(top, bottom + 1))
    column = int(rng.integers(left, right + 1))
    return _covered(sample, row, column, pad_y, pad_x, constants)


def _covered(
    sample: Sample, row: int, column: int, pad_y: int, pad_x: int, constants: Constants
) -> Sample:
    image = sample.image.copy()
    # Slices cut off at the far end by themselves.
    top, left = max(0, row - pad_y), max(0, column - pad_x)
    area = image[top : row + pad_y, left : column + pad_x]
    paint(area, fill_of(image, constants.cutout_colour))
    return replace(sample, image=image)


@dataclass(frozen=True)
class PerBox:
    """Apply a kernel to the content of each box with a probability.

    Boxes are visited in random order and compound where they overlap. Their content is
    a picture of its own (pivot, border, histogram), cut out, transformed and put back;
    the boxes stay. What lies in it moves along: the instance's own mask and the
    segmentation map, but no other instance's mask. Of a turned box it is the hull's
    content, and the corners move along.

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
        return canvas.sample_now()


class _Canvas:
    """A sample to paint on: what is painted on is copied first, each array once."""

    def __init__(self, sample: Sample) -> None:
        self.sample = sample
        self.image = sample.image.copy()
        self.masks = sample.masks
        self.seg_map = sample.seg_map
        self.corners = None if sample.corners is None else sample.corners.copy()

    def sample_now(self) -> Sample:
        """Return what was painted."""
        sample = self.sample
        if self.corners is not None and sample.corners is not None:
            hulls = corner_hulls(self.corners, *self.image.shape[:2])
            sample = replace(sample, boxes=hulls, corners=self.corners)
        return replace(sample, image=self.image, masks=self.masks, seg_map=self.seg_map)

    def cut(self, index: int) -> Sample:
        """Return views of one box's content, with its own box and mask."""
        top, bottom, left, right = self._bounds(index)
        area = slice(top, bottom), slice(left, right)
        seg_map = None if self.seg_map is None else self.seg_map[area]
        image = self.image[area]
        if self.masks is None and self.corners is None:
            return Sample(image, seg_map=seg_map)
        masks: Array | Polygons | None = None
        if isinstance(self.masks, np.ndarray):
            masks = self.masks[index : index + 1, top:bottom, left:right]
        elif self.masks is not None:
            masks = [[_shifted(points, -left, -top) for points in self.masks[index]]]
        origin = np.array([left, top], dtype=np.float32)
        boxes = self.sample.boxes[index, None] - np.tile(origin, 2)
        corners = None if self.corners is None else self.corners[index, None] - origin
        return Sample(image, boxes, masks, seg_map, corners)

    def paste(self, index: int, content: Sample, changed: Sample) -> None:
        """Put content back that a kernel has changed."""
        top, bottom, left, right = self._bounds(index)
        self.image[top:bottom, left:right] = changed.image
        if self.seg_map is not None and changed.seg_map is not content.seg_map:
            if self.seg_map is self.sample.seg_map:
                self.seg_map = self.seg_map.copy()
            self.seg_map[top:bottom, left:right] = changed.seg_map
        if self.corners is not None and changed.corners is not None:
            self.corners[index] = changed.corners[0] + (left, top)
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
        return geometry.crop_bounds(self.sample.boxes[index], *self.image.shape[:2])


def _shifted(points: Array, x: float, y: float) -> Array:
    """Move a polygon (2k,)."""
    moved: Array = np.asarray(points).reshape(-1, 2) + np.array([x, y])
    return moved.ravel()
