"""Kernels: what a table row calls, ``kernel(sample, argument, rng, constants)``.

Each is a frozen dataclass of module-level functions, so that rows can be pickled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from . import affine as affines
from .affine import Affine
from .arrays import Array, Image
from .boxes import warp_boxes
from .constants import Constants
from .grid import Grid
from .masks import warp_masks
from .sample import Sample
from .warp import plan_warp


class Rng(Protocol):
    """What operations need of a ``numpy.random.Generator``."""

    def random(self) -> float:
        """Return a float in [0, 1)."""

    def integers(self, low: int, high: int) -> int:
        """Return an integer in [low, high)."""

    def permutation(self, n: int) -> Array:
        """Return a random order of ``range(n)``."""


class Kernel(Protocol):
    """Turns a sample into another; never writes into its input."""

    def __call__(
        self, sample: Sample, argument: float | None, rng: Rng, constants: Constants
    ) -> Sample:
        """Apply the operation.

        Args:
            sample: What to transform.
            argument: What the row's level map gave, signed; None without one.
            rng: Source of all randomness but the sign.
            constants: Settings of the table.
        """


def identity(
    sample: Sample, argument: float | None, rng: Rng, constants: Constants
) -> Sample:
    """Return ``sample`` itself."""
    del argument, rng, constants
    return sample


@dataclass(frozen=True)
class Pixels:
    """A function of the image alone: ``function(image[, argument], **settings)``.

    Attributes:
        function: Takes and returns (H, W, 3) uint8.
        settings: Names of the constants that it takes by keyword.
    """

    function: Callable[..., Image]
    settings: tuple[str, ...] = ()

    def __call__(
        self, sample: Sample, argument: float | None, rng: Rng, constants: Constants
    ) -> Sample:
        """Transform the image; everything else stays."""
        del rng
        arguments = () if argument is None else (argument,)
        settings = {name: getattr(constants, name) for name in self.settings}
        return replace(
            sample, image=self.function(sample.image, *arguments, **settings)
        )


@dataclass(frozen=True)
class Geometry:
    """An affine map of the image with all that lies on it.

    Attributes:
        matrix: ``matrix([argument,] height, width)``.
        grid: Sampling convention of the table.
    """

    matrix: Callable[..., Affine]
    grid: Grid

    def __call__(
        self, sample: Sample, argument: float | None, rng: Rng, constants: Constants
    ) -> Sample:
        """Move image, boxes, masks and segmentation map by the same matrix."""
        del rng
        height, width = sample.image.shape[:2]
        arguments = () if argument is None else (argument,)
        affine = self.matrix(*arguments, height, width)
        move = plan_warp(affine, self.grid, height, width)
        seg_map = sample.seg_map
        return Sample(
            image=move(sample.image, constants.fill_colour),
            boxes=warp_boxes(sample.boxes, affine, height, width),
            masks=warp_masks(sample.masks, affine, move, height, width),
            seg_map=None if seg_map is None else move(seg_map, constants.seg_fill),
        )


@dataclass(frozen=True)
class ScaledTranslation:
    """DDAS's translation: pixels of an image of ``reference_side``, along one axis.

    Attributes:
        axis: 0 for down and up, 1 for left and right.
        grid: Sampling convention of the table.
    """

    axis: int
    grid: Grid

    def __call__(
        self, sample: Sample, argument: float | None, rng: Rng, constants: Constants
    ) -> Sample:
        """Shift by ``argument`` pixels, scaled with the image's side."""
        assert argument is not None
        pixels = argument * side_scale(sample.image.shape[self.axis], constants)
        matrix = (affines.translation_y, affines.translation_x)[self.axis]
        return Geometry(matrix, self.grid)(sample, pixels, rng, constants)


def side_scale(side: int, constants: Constants) -> float:
    """Return image pixels per pixel of a level; 1 where levels are absolute."""
    reference = constants.reference_side
    return 1.0 if reference is None else side / reference
