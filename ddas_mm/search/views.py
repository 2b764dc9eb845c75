"""The data sets of a search: views ``D_0 .. D_L`` of S_train, and S_val."""

import bisect
import copy
import itertools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.dataset import Compose
from torch.utils.data import Dataset

from ddas_mm import randomness as streams
from ddas_mm.augment.candidates import CandidateOps
from ddas_mm.augment.transform import leaf_datasets, place_of_policies, split_pipeline
from ddas_mm.errors import SearchFailed, SettingError
from ddas_mm.ops import erasing_candidates
from ddas_mm.policy.space import candidate_label
from ddas_mm.randomness import generators_kept, seed_generators
from ddas_mm.search import original

MAX_REFETCH = 1000
TRIED = 4  # images of a data set, on each step of its pipeline


class ViewIndex(NamedTuple):
    """What the batch sampler asks the data set for.

    Attributes:
        image: Which image of S_train.
        epoch: The search epoch, part of the key of all randomness.
        policies: (L, N_o) candidate indices, shared by the mini-batch.
    """

    image: int
    epoch: int
    policies: list[list[int]]


class Chosen(Dataset):
    """Chosen images of a data set, with the methods that mm expects of one."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = list(indices)
        self.leaves = leaf_datasets(dataset)
        self._ends = np.cumsum(list(map(len, self.leaves))).tolist()

    @property
    def metainfo(self) -> dict[str, Any]:
        """Meta information of the data set (classes, ...)."""
        return self.dataset.metainfo

    def get_data_info(self, index: int) -> dict[str, Any]:
        """Return the annotation of one image."""
        return self.dataset.get_data_info(self.indices[index])

    def get_cat_ids(self, index: int) -> list[int]:
        """Return the category ids of one image."""
        return self.dataset.get_cat_ids(self.indices[index])

    def __len__(self) -> int:
        return len(self.indices)

    def leaf_of(self, index: int) -> int:
        """Return which of the data sets in it an image is of."""
        return bisect.bisect_right(self._ends, self.indices[index])


class UnusableImage(Exception):
    """A pipeline gives nothing for an image; says behind what."""


class MarkedDataset(Chosen):
    """Chosen images of a data set whose pipeline holds DDASAugment, and its two parts.

    Args:
        dataset: A built mm data set.
        indices: Which of its images.
        seed: Seed of all randomness.

    Raises:
        SettingError: If a pipeline does not hold exactly one DDASAugment.
    """

    def __init__(self, dataset: Any, indices: Sequence[int], seed: int) -> None:
        super().__init__(dataset, indices)
        parts = [split_pipeline(leaf.pipeline) for leaf in self.leaves]
        self.heads, self.tails = map(list, zip(*parts, strict=True))
        self.seed = seed

    @generators_kept()
    def loaded(self, index: int, epoch: int = 0) -> dict[str, Any] | None:
        """Return mm's dict of an image before DDASAugment; None where it is dropped."""
        seed_generators(self.seed, streams.HEAD, epoch, index)
        return self.heads[self.leaf_of(index)](self.get_data_info(index))


class ViewDataset(MarkedDataset):
    """S_train as views: each item is ``D_0 .. D_L`` of one image.

    The steps before DDASAugment run once per image. All randomness derives from
    (seed, epoch, index, view), so that neither worker nor rank matters.

    Args:
        dataset: A built mm data set whose pipeline holds DDASAugment.
        indices: Which of its images are S_train.
        ops: The operations of the search space.
        seed: The run's seed.
        paired: Whether the steps after DDASAugment draw alike for all views.
    """

    def __init__(
        self,
        dataset: Any,
        indices: Sequence[int],
        ops: CandidateOps,
        seed: int,
        paired: bool = False,
    ) -> None:
        super().__init__(dataset, indices, seed)
        self.ops, self.paired = ops, paired

    def __getitem__(self, item: ViewIndex) -> tuple[list[list[int]], list[Any]]:
        index, epoch, policies = item
        rng = np.random.default_rng([self.seed, streams.REFETCH, epoch, index])
        unusable: Counter[str] = Counter()
        for _ in range(MAX_REFETCH):
            try:
                return policies, self._views(index, item)
            except UnusableImage as error:
                unusable[str(error)] += 1
            index = int(rng.integers(len(self)))
        counts = ', '.join(f'{n} times {policy}' for policy, n in unusable.items())
        raise SearchFailed(
            f'no usable image of S_train after {MAX_REFETCH} tries: the pipeline of '
            f'train_dataloader.dataset returned None {counts}; take what pushes every '
            'box out of sight out of train_cfg.space, or lower translate_const in '
            'train_cfg.space.constants'
        )

    def plain(self, index: int, epoch: int = 0) -> Any:
        """Return an image as ``D_0`` has it."""
        return self[ViewIndex(index, epoch, [])][1][0]

    def _views(self, index: int, item: ViewIndex) -> list[Any]:
        leaf, seed, key = self.leaf_of(index), self.seed, (item.epoch, index)
        loaded, views = self.loaded(index, item.epoch), []
        if loaded is None:
            raise UnusableImage('before any policy')
        with generators_kept():
            for view, policy in enumerate([[], *item.policies]):
                results = copy.deepcopy(loaded)
                if policy:
                    rng = np.random.default_rng([seed, streams.OPERATIONS, *key, view])
                    results = self.ops.apply(results, policy, rng)
                seed_generators(seed, streams.TAIL, *key, 0 if self.paired else view)
                packed = self.tails[leaf](results)
                if packed is None:
                    raise UnusableImage(self._told(policy, loaded['img'].shape[:2]))
                views.append(packed)
        return views

    def _told(self, policy: list[int], size: tuple[int, int]) -> str:
        """Return how to speak of a policy, and of its parts that erase an image."""
        if not policy:
            return 'without a policy'
        chosen = [self.ops.space.candidates[index] for index in policy]
        told = 'after ' + ' and '.join(map(candidate_label, chosen))
        erasing = erasing_candidates(chosen, self.ops.constants, *size)
        alone = ', '.join(map(candidate_label, erasing))
        return f'{told} ({alone} alone erases the image)' if alone else told


class ValidationDataset(Chosen):
    """S_val: chosen images, through deterministic steps only.

    It is kept as original (paper Section 3.2).

    Args:
        dataset: A built mm data set.
        indices: Which of its images are S_val.
        seed: The run's seed; matters only if a step does draw random numbers.
        as_given: Whether the data set's pipeline is used as it is, instead of its
            deterministic steps.

    Attributes:
        pipelines: Steps of each leaf.
        places: How many of them come before the place where policies act in S_train.
        left_out: Names of the steps that were random, or had random parts.

    Raises:
        SettingError: If a pipeline that is used as it is draws random numbers.
    """

    def __init__(
        self, dataset: Any, indices: Sequence[int], seed: int, as_given: bool = False
    ) -> None:
        super().__init__(dataset, indices)
        self.seed, self.as_given = seed, as_given
        self.pipelines, self.places, left_out = [], [], []
        for number, leaf in enumerate(self.leaves):
            mine = [i for i in range(len(self)) if self.leaf_of(i) == number]
            tried = map(self.get_data_info, original.telling_images(self, TRIED, mine))
            kept, names = original.without_random_steps(leaf.pipeline, list(tried))
            place = place_of_policies(leaf.pipeline)
            self.places.append(sum(map(len, kept[:place])))
            self.pipelines.append(Compose(itertools.chain(*kept)))
            left_out += names
        self.left_out = list(dict.fromkeys(left_out))
        if as_given and self.left_out:
            raise SettingError(
                'train_cfg.policy_dataloader.dataset.pipeline draws random numbers in '
                f'{", ".join(self.left_out)}, but S_val is kept as original; take them '
                'out'
            )

    def plain(self, index: int) -> Any:
        """Return an image."""
        return self[index]

    def __getitem__(self, index: int) -> Any:
        with generators_kept():
            seed_generators(self.seed, streams.VAL_IMAGE, index)
            packed = self.pipelines[self.leaf_of(index)](self.get_data_info(index))
        if packed is None:
            path = self.get_data_info(index).get('img_path', f'image {index}')
            raise SearchFailed(
                f'the pipeline of S_val gives nothing for {path}; take the image out, '
                'or mend train_cfg.policy_dataloader.dataset.pipeline'
            )
        return packed


class OriginalViews(ViewDataset):
    """S_val as views: its own steps, and policies where they act in S_train.

    Args:
        val: S_val.
        ops: The operations of the search space.
    """

    def __init__(self, val: ValidationDataset, ops: CandidateOps) -> None:
        Chosen.__init__(self, val.dataset, val.indices)
        self.ops, self.seed, self.paired = ops, val.seed, True
        pairs = [*zip(val.pipelines, val.places, strict=True)]
        self.heads = [Compose(steps.transforms[:place]) for steps, place in pairs]
        self.tails = [Compose(steps.transforms[place:]) for steps, place in pairs]


def collate_views(
    samples: list[tuple[list[list[int]], list[Any]]],
    collate: Callable[[list[Any]], Any],
) -> dict[str, Any]:
    """Turn B samples of L + 1 views each into L + 1 ordinary mini-batches.

    Args:
        samples: B pairs of the mini-batch's policies and L + 1 packed views.
        collate: The collate function of the training's data loader.

    Returns:
        ``views``, L + 1 batches as the model expects them, and ``policies``,
        (L, N_o) int64 candidate indices.
    """
    policies = samples[0][0]
    views = zip(*(views for _, views in samples), strict=True)
    return {
        'views': [collate(list(view)) for view in views],
        'policies': torch.tensor(policies),
    }
