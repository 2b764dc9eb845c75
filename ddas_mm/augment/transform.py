"""The transform that users put into a pipeline, and finding it there."""

import os
from collections.abc import Mapping
from typing import Any

from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import avoid_cache_randomness
from mmengine.dataset import Compose, ConcatDataset

from ddas_mm.augment.candidates import CandidateOps, uniform_policy
from ddas_mm.augment.progress import CLOCK, ImageCounts
from ddas_mm.errors import SettingError
from ddas_mm.policy import PolicySchedule, policy_from_dict, read_policy
from ddas_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
@avoid_cache_randomness
class DDASAugment(BaseTransform):
    """Augment images by a searched policy; marks where policies act in a search.

    In a search (``policy=None``) the steps before it run once per image, and the
    policies that the search samples act here. In a training each image is, with the
    row's ``p_tp``, augmented by ``N_o`` candidates drawn from the row's ``p_o``; the
    row follows the training's progress, which ``ddas_mm.DDASHook`` sets.

    Required Keys: img; where present gt_bboxes, gt_bboxes_labels, gt_ignore_flags,
    gt_masks, gt_seg_map.

    Modified Keys: the same, and img_shape.

    Args:
        policy: The policy as a dict, the path of a ``policy.json``, or
            ``ddas_mm://NAME`` of one that the package brings. A dict of ``space`` (as
            in a search) and ``total_prob`` stands for one row of equal ``p_o``: what a
            searched policy has to be better than.

    Raises:
        SettingError: If the policy is damaged or names unknown operations; at the first
            image, if this has 16 bits, which some of them do not know.

    Examples:
        >>> train_pipeline = [
        ...     dict(type='LoadImageFromFile'),
        ...     dict(type='LoadAnnotations', with_bbox=True),
        ...     dict(type='ddas_mm.DDASAugment', policy='policy.json'),
        ...     dict(type='Resize', scale=(1333, 800), keep_ratio=True),
        ...     dict(type='PackDetInputs'),
        ... ]
        >>> custom_hooks = [dict(type='ddas_mm.DDASHook')]
    """

    def __init__(self, policy: Any = None) -> None:
        self.schedule, self.clock = None, CLOCK
        if policy is not None:
            self.schedule, source = _load(policy)
            self.ops = CandidateOps(self.schedule.space, source)
            self.counts = ImageCounts()
            if not self.clock.is_set:
                self.clock.reset()  # what is built begins a new run

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Augment one sample by the row of the policy that is active now."""
        if self.schedule is None:
            raise SettingError(
                'DDASAugment has no policy: give it policy=<dict or policy.json>, '
                'or search one with train_cfg=dict(type="ddas_mm.DDASLoop", ...)'
            )
        clock, row = self.clock, 0
        if clock.is_set:
            row = self.schedule.row_index(clock.step, clock.steps)
        elif len(self.schedule) > 1:
            raise SettingError(
                f'the policy of DDASAugment has {len(self.schedule)} rows, but nothing '
                "tells it the training's progress: add "
                "custom_hooks=[dict(type='ddas_mm.DDASHook')]"
            )
        rng = clock.generator()
        policy = self.schedule.draw(row, rng)
        self.counts.add(bool(policy))
        self.ops.check_bits(results)
        return self.ops.apply(results, policy, rng) if policy else results

    def __repr__(self) -> str:
        rows = 'no policy' if self.schedule is None else f'{len(self.schedule)} rows'
        return f'{type(self).__name__}({rows})'


def _load(policy: Any) -> tuple[PolicySchedule, str]:
    """Return a policy, and where it stands, for messages."""
    if isinstance(policy, (str, os.PathLike)):
        return read_policy(policy), f'policy file {str(policy)!r}'
    name = 'DDASAugment.policy'
    if not isinstance(policy, Mapping):
        raise SettingError(
            f'{name} must be a dict or the path of a policy.json, but is {policy!r}'
        )
    load = uniform_policy if 'space' in policy else policy_from_dict
    return load(policy, name), name


def leaf_datasets(dataset: Any) -> list[Any]:
    """Return the data sets below ConcatDatasets, in the order of their indices.

    Raises:
        SettingError: If there is another wrapper, whose pipeline cannot be split.
    """
    if isinstance(dataset, ConcatDataset):
        return [leaf for part in dataset.datasets for leaf in leaf_datasets(part)]
    if not isinstance(getattr(dataset, 'pipeline', None), Compose):
        raise SettingError(
            'a search cannot split the pipeline of train_dataloader.dataset of type '
            f'{type(dataset).__name__}; use the plain data set, or a ConcatDataset'
        )
    return [dataset]


def split_pipeline(pipeline: Compose) -> tuple[Compose, Compose]:
    """Return the steps before and after the pipeline's DDASAugment.

    Raises:
        SettingError: If there is not exactly one at the top level of the pipeline.
    """
    steps, places = pipeline.transforms, _marks(pipeline)
    if len(places) != 1:
        raise SettingError(
            'the pipeline of train_dataloader.dataset must hold one '
            f"dict(type='ddas_mm.DDASAugment') at its top level, but holds "
            f'{len(places)}; put one behind the steps that load image and annotations'
        )
    (place,) = places
    return Compose(steps[:place]), Compose(steps[place + 1 :])


def place_of_policies(pipeline: Compose) -> int:
    """Return how many steps come before DDASAugment; without one, those that load."""
    steps = pipeline.transforms
    loads = [i + 1 for i, step in enumerate(steps) if type(step).__name__[:4] == 'Load']
    return max(_marks(pipeline) or loads, default=0)


def _marks(pipeline: Compose) -> list[int]:
    steps = enumerate(pipeline.transforms)
    return [i for i, step in steps if isinstance(step, DDASAugment)]
