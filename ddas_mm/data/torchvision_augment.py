"""torchvision's AutoAugment by the name of its policy: a baseline."""

from __future__ import annotations

from typing import Any

from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import avoid_cache_randomness

from ddas_mm.errors import SettingError
from ddas_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
@avoid_cache_randomness
class TorchvisionAutoAugment(BaseTransform):
    """AutoAugment of torchvision, with a policy that a config can name.

    mmpretrain's ``torchvision/AutoAugment`` passes settings on as they are, and
    torchvision takes no text for the policy but a member of an enumeration.

    Required Keys, Modified Keys: img, a PIL image.

    Args:
        policy: ``imagenet``, ``cifar10`` or ``svhn``.

    Raises:
        SettingError: If torchvision has no such policy.
    """

    def __init__(self, policy: str) -> None:
        from torchvision.transforms import AutoAugment, AutoAugmentPolicy

        known = [member.value for member in AutoAugmentPolicy]
        if policy not in known:
            raise SettingError(
                f'TorchvisionAutoAugment.policy must be one of {", ".join(known)}, '
                f'but is {policy!r}'
            )
        self.augment = AutoAugment(AutoAugmentPolicy(policy))

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Augment one image."""
        return {**results, 'img': self.augment(results['img'])}
