"""Samplers of a search step."""

from itertools import chain, islice

import numpy as np
import pytest
from mmengine.dataset import DefaultSampler
from torch.utils.data import BatchSampler

from ddas_mm.search.sampler import EndlessBatchSampler, PolicyBatchSampler


def batches_of(sampler, epoch):
    sampler.set_epoch(epoch)
    policies = PolicyBatchSampler(BatchSampler(sampler, 4, False), sampler, 7, 3, 2)
    return list(policies)


def test_policies_are_shared_by_batch_and_differ_between_batches_and_epochs():
    sampler = DefaultSampler(range(12), seed=1)
    first, second = batches_of(sampler, 0), batches_of(sampler, 1)
    assert [len(batch) for batch in first] == [4, 4, 4]
    for batch in first:
        assert all(item.policies == batch[0].policies for item in batch)
        assert all(item.epoch == 0 for item in batch)
    drawn = [batch[0].policies for batch in first + second]
    assert {np.shape(policies) for policies in drawn} == {(3, 2)}
    assert len(set(map(str, drawn))) == len(drawn)
    assert first == batches_of(sampler, 0)
    indices = sorted(item.image for batch in first for item in batch)
    assert indices == list(range(12))


def test_candidates_left_are_drawn_uniformly_and_no_others():
    sampler = DefaultSampler(range(3000), seed=1)
    drawing = PolicyBatchSampler(BatchSampler(sampler, 1, False), sampler, 7, 3, 2)
    drawing.candidates = np.array([1, 4, 6])
    counts = np.bincount(np.ravel([b[0].policies for b in drawing]), minlength=7)
    # 5 standard deviations of a binomial(18000, 1/3)
    assert np.abs(counts[[1, 4, 6]] - 6000).max() < 5 * np.sqrt(18_000 * 2 / 9)
    assert counts.sum() == counts[[1, 4, 6]].sum() == 18_000


def test_each_pass_over_s_val_is_a_new_permutation():
    sampler = EndlessBatchSampler(10, 3, seed=0)
    batches = list(islice(sampler, 6))
    passes = [list(chain(*batches[:3])), list(chain(*batches[3:]))]
    assert all(len(set(one)) == 9 for one in passes)  # the remainder is dropped
    assert passes[0] != passes[1]


@pytest.mark.parametrize('position', [0, 1, 3, 7])
def test_resumed_stream_goes_on_where_it_was(position):
    whole = list(islice(EndlessBatchSampler(10, 3, seed=4), 12))
    resumed = EndlessBatchSampler(10, 3, seed=4)
    resumed.position = position
    assert list(islice(resumed, 12 - position)) == whole[position:]


def test_s_val_is_shuffled_by_the_seed_and_across_passes():
    whole = [
        list(chain(*islice(EndlessBatchSampler(40, 5, seed), 8))) for seed in (4, 5)
    ]
    assert whole[0] != whole[1]
    assert all(sorted(one) == list(range(40)) for one in whole)


def test_ranks_see_disjoint_parts_of_a_pass():
    parts = [EndlessBatchSampler(11, 2, 0, rank, 2) for rank in range(2)]
    for passes in (1, 2):
        seen = [
            list(chain(*islice(part, passes * part.batches_per_pass)))[-4:]
            for part in parts
        ]
        assert len(set(seen[0])) == len(set(seen[1])) == 4
        assert not set(seen[0]) & set(seen[1])
