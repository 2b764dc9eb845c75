"""Policies that are not searched: AutoAugment and its like as transforms."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, TypeVar

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import avoid_cache_randomness
from msgspec import Meta

from ddas_mm.augment.candidates import CandidateOps
from ddas_mm.errors import SettingError, check_known
from ddas_mm.ops import ZOPH_POLICIES, OpSpec, PerBox, get_op
from ddas_mm.policy import SearchSpace
from ddas_mm.registry import TRANSFORMS

Step = tuple[OpSpec, float, float | None]
Item = TypeVar('Item')
Some = Annotated[list[Item], Meta(min_length=1)]
Probability = Annotated[float, Meta(ge=0, le=1)]


@TRANSFORMS.register_module()
@avoid_cache_randomness
class SubPolicyAugment(BaseTransform):
    """Augment each image by one sub-policy, drawn uniformly.

    Each operation of the sub-policy acts with its own probability. Operations on the
    content of boxes hand theirs on to the boxes, as in Zoph et al.

    Required Keys, Modified Keys: as of :class:`ddas_mm.augment.DDASAugment`.

    Args:
        policies: ``v0`` to ``v3``, the policies of Zoph et al. (2020), or a list of
            sub-policies: lists of (operation, probability, level).
        table: Table of the operations.
        constants: Settings of the operations that replace defaults.

    Raises:
        SettingError: If a sub-policy, an operation or a value is not usable.

    Examples:
        >>> dict(type='ddas_mm.SubPolicyAugment', policies='v0')
    """

    def __init__(
        self,
        policies: str | Some[Some[tuple[str, Probability, float | None]]] = 'v0',
        table: str = 'detection',
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            self.policies = _checked(policies, table)
            steps = [step for sub_policy in self.policies for step in sub_policy]
            names = tuple(dict.fromkeys((spec.name, level) for spec, _, level in steps))
            space = SearchSpace(table, names, constants=dict(constants or {}))
        except (TypeError, ValueError) as error:
            raise SettingError(f'SubPolicyAugment: {error}') from None
        self.ops = CandidateOps(space, 'SubPolicyAugment')

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Augment one sample."""
        # From the generator that mm seeds in every worker, as mm's own steps.
        rng = np.random.default_rng(np.random.randint(2**32, size=4))  # noqa: NPY002
        steps = []
        for spec, probability, level in self.policies[rng.integers(len(self.policies))]:
            if isinstance(spec.kernel, PerBox):
                share = spec.kernel.share * probability
                kernel = replace(spec.kernel, share=share)
                steps.append((replace(spec, kernel=kernel), level))
            elif rng.random() < probability:
                steps.append((spec, level))
        return self.ops.apply_steps(results, steps, rng) if steps else results

    def __repr__(self) -> str:
        return f'{type(self).__name__}({len(self.policies)} sub-policies)'


def _checked(policies: Any, table: str) -> list[list[Step]]:
    if isinstance(policies, str):
        check_known('policies, if no list,', policies, ZOPH_POLICIES)
        policies = ZOPH_POLICIES[policies]
    steps = [[(get_op(table, name), p, v) for name, p, v in s] for s in policies]
    # Zoph et al. give every operation a level, needed or not.
    return [[(o, p, v if o.takes_level else None) for o, p, v in s] for s in steps]


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
        check_known('TorchvisionAutoAugment.policy', policy, known)
        self.augment = AutoAugment(AutoAugmentPolicy(policy))

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Augment one image."""
        return {**results, 'img': self.augment(results['img'])}
