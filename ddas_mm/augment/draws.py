"""Random steps of a pipeline that S_val cannot do without."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform, Compose

from ddas_mm.randomness import FIXED, generators_kept, seed_generators
from ddas_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class FixedDraws(BaseTransform):
    """Steps that draw the same for an image whenever it passes.

    For S_val of a self-supervised training, whose loss compares views or asks for
    what a mask hides: they are drawn once per image, like an annotation.

    Required Keys: img, and what the steps require.

    Args:
        transforms: The steps.
    """

    def __init__(self, transforms: Sequence[Any]) -> None:
        self.steps = Compose(transforms)

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """Run the steps, keyed by the image's content."""
        image = np.ascontiguousarray(results['img'])
        with generators_kept():
            seed_generators(FIXED, zlib.crc32(image.data))
            return self.steps(results)
