"""Steps that pipelines need beside DDASAugment: draws that stay, maps out of masks."""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform, Compose

from ddas_mm.augment.adapter import PER_BOX
from ddas_mm.errors import SettingError
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


IGNORED = 255


@TRANSFORMS.register_module()
class LoadSegMapFromMasks(BaseTransform):
    """Draw instance masks as a segmentation map, behind mmdet's LoadAnnotations.

    So files of COCO's format train mmseg's networks. Smaller instances lie on top;
    pixels have the label of their instance, or 255 (ignored) where it is a crowd.

    Required Keys: gt_masks (bitmaps), gt_bboxes_labels, gt_ignore_flags.

    Added Keys: gt_seg_map, seg_fields; boxes and masks are taken out.

    Args:
        background: Class index of pixels without an instance.
    """

    def __init__(self, background: int = IGNORED) -> None:
        self.background = background

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Draw the map of one sample.

        Raises:
            SettingError: If the sample holds no bitmap masks.
        """
        masks = getattr(results.get('gt_masks'), 'masks', None)
        if not isinstance(masks, np.ndarray):
            raise SettingError(
                'LoadSegMapFromMasks found no bitmap masks; put '
                "dict(type='mmdet.LoadAnnotations', with_mask=True) before it"
            )
        labels = np.where(
            results['gt_ignore_flags'], IGNORED, results['gt_bboxes_labels']
        )
        # not the image's size: behind Resize, labels are of the image as it was
        seg_map = np.full(masks.shape[1:], self.background, np.uint8)
        areas = masks.sum(axis=(1, 2), dtype=np.int64)
        for index in np.argsort(-areas, kind='stable'):
            seg_map[masks[index] > 0] = labels[index]
        kept = {key: value for key, value in results.items() if key not in PER_BOX}
        return {**kept, 'gt_seg_map': seg_map, 'seg_fields': ['gt_seg_map']}
