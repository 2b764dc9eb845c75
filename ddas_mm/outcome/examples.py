"""Training images as they reach DDASAugment, to look at."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope

from ddas_mm.augment.transform import DDASAugment, leaf_datasets, split_pipeline
from ddas_mm.errors import SettingError
from ddas_mm.policy import PolicySchedule
from ddas_mm.randomness import generators_kept, seed_generators
from ddas_mm.search.data import build_dataset

TRIES = 200  # images that are looked at for some with boxes


class Examples:
    """Images of a data set after the steps that come before DDASAugment.

    Args:
        dataset: A built mm data set, or a ConcatDataset of such.

    Raises:
        SettingError: If a pipeline does not hold exactly one DDASAugment.
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self.leaves = leaf_datasets(dataset)
        self.heads = [split_pipeline(leaf.pipeline)[0] for leaf in self.leaves]
        self.ends = list(accumulate(map(len, self.leaves)))

    @classmethod
    def from_config(cls, config: Config) -> Examples:
        """Build them from ``train_dataloader.dataset`` of a config.

        Raises:
            SettingError: If there is none, or its files are missing.
        """
        loader = config.get('train_dataloader')
        if not isinstance(loader, Mapping):
            raise SettingError(f'{config.filename!r} has no train_dataloader')
        init_default_scope(config.get('default_scope', 'mmengine'))
        return cls(build_dataset(loader.get('dataset'), 'train_dataloader.dataset'))

    def __len__(self) -> int:
        return len(self.dataset)

    def load(self, index: int, seed: int) -> dict[str, Any] | None:
        """Return mm's dict of an image, or None where the pipeline drops it.

        Raises:
            SettingError: If its file is missing.
        """
        head = self.heads[bisect.bisect_right(self.ends, index)]
        try:
            with generators_kept():
                seed_generators(seed)
                return head(self.dataset.get_data_info(index))
        except FileNotFoundError as error:
            raise SettingError(
                f'train_dataloader.dataset finds no {str(error.filename or error)!r}; '
                'set its data_root, or give --data-root DIR'
            ) from error

    def choose(self, number: int, seed: int) -> list[dict[str, Any]]:
        """Return mm's dicts of the first images with boxes; others if too few have."""
        chosen, others = [], []
        for index in range(min(len(self), TRIES)):
            results = self.load(index, seed)
            if results is not None:
                boxes = results.get('gt_bboxes')
                (chosen if boxes is None or len(boxes) else others).append(results)
            if len(chosen) == number:
                break
        return (chosen + others)[:number]

    def schedule(self, index: int) -> PolicySchedule | None:
        """Return the policy in the pipeline of an image."""
        steps = self.leaves[bisect.bisect_right(self.ends, index)].pipeline.transforms
        (augment,) = (step for step in steps if isinstance(step, DDASAugment))
        return augment.schedule
