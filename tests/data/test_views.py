"""The data sets of a search."""

import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset
from mmengine.registry import DATASETS

from ddas_mm.data import DDASAugment, ValidationDataset, ViewDataset
from ddas_mm.data.pipelines import deterministic_pipeline, split_pipeline
from ddas_mm.data.space import CandidateOps, build_space
from ddas_mm.data.views import ViewIndex
from ddas_mm.errors import SettingError
from tests import toy

SPACE = build_space(dict(table='classification', ops=toy.OPS, levels=[6], depth=1))
IDENTITY, INVERT = toy.OPS.index('Identity'), toy.OPS.index('Invert')
PIPELINE = [dict(type='ddas_mm.DDASAugment'), dict(type='ToyPack')]
RANDOM = [dict(type='ddas_mm.DDASAugment'), dict(type='ToyFlip'), dict(type='ToyPack')]


def build(pipeline=PIPELINE, **kwargs):
    return DATASETS.build(dict(type='ToyDataset', pipeline=pipeline, **kwargs))


def views_of(dataset, index=0, epoch=0, policies=((IDENTITY,), (INVERT,))):
    policies = [list(policy) for policy in policies]
    found, views = dataset[ViewIndex(index, epoch, policies)]
    assert found == policies
    return [view['inputs'] for view in views]


def test_views_are_the_plain_image_and_its_augmentations():
    source = build()
    dataset = ViewDataset(source, range(4, 9), CandidateOps(SPACE), seed=0)
    plain, same, inverted = views_of(dataset, index=2)
    expected = torch.from_numpy(source.get_data_info(6)['img']).permute(2, 0, 1)
    assert torch.equal(plain, expected)
    assert torch.equal(same, expected)
    assert torch.equal(inverted, 255 - expected)


def test_views_depend_on_seed_epoch_index_and_view_alone():
    rotations = [[toy.OPS.index('Rotate')]] * 12
    dataset = ViewDataset(build(RANDOM), range(9), CandidateOps(SPACE), seed=0)
    first = views_of(dataset, policies=rotations)
    np.random.seed(99)  # noqa: NPY002  what ran before must not matter
    torch.manual_seed(99)
    state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    again = views_of(dataset, policies=rotations)
    assert all(map(torch.equal, first, again))
    assert torch.equal(state[0], torch.get_rng_state())  # nor is it disturbed
    assert (state[1] == np.random.get_state()[1]).all()  # noqa: NPY002
    other_epoch = views_of(dataset, epoch=1, policies=rotations)
    assert not all(map(torch.equal, first, other_epoch))
    assert len({view.numpy().tobytes() for view in first}) > 2  # signs and flips


def test_paired_views_share_the_base_augmentation():
    policies = [[IDENTITY]] * 12
    ops = CandidateOps(SPACE)
    paired = ViewDataset(build(RANDOM), range(9), ops, seed=0, paired=True)
    single = ViewDataset(build(RANDOM), range(9), ops, seed=0)
    assert len({v.numpy().tobytes() for v in views_of(paired, policies=policies)}) == 1
    assert len({v.numpy().tobytes() for v in views_of(single, policies=policies)}) == 2


def test_head_runs_once_per_image():
    calls = []

    def count(results):
        calls.append(1)
        return results

    source = build([count, *PIPELINE])
    views_of(ViewDataset(source, range(9), CandidateOps(SPACE), seed=0))
    assert len(calls) == 1


def test_unusable_image_is_replaced_for_all_views_alike():
    def refuse(results):
        return None if results['sample_idx'] == 3 else results

    source = build([*PIPELINE[:1], refuse, *PIPELINE[1:]])
    dataset = ViewDataset(source, range(9), CandidateOps(SPACE), seed=0)
    plain, same, inverted = views_of(dataset, index=3)
    assert torch.equal(plain, same)
    assert torch.equal(inverted, 255 - plain)


def test_concatenated_data_sets_keep_their_own_pipelines():
    def mark(results):
        results['img'] = np.zeros_like(results['img'])
        return results

    parts = ConcatDataset([build(size=5), build([mark, *PIPELINE], size=5)])
    dataset = ViewDataset(parts, range(10), CandidateOps(SPACE), seed=0)
    assert views_of(dataset, index=4)[0].any()
    assert not views_of(dataset, index=5)[0].any()


def test_s_val_is_kept_as_original():
    source = build(RANDOM)
    dataset = ValidationDataset(source, range(6), seed=0)
    for index in range(6):
        expected = torch.from_numpy(source.get_data_info(index)['img']).permute(2, 0, 1)
        assert torch.equal(dataset[index]['inputs'], expected)


def test_random_steps_that_give_size_must_be_replaced_by_the_user():
    import mmpretrain.datasets.transforms as mmpretrain_transforms

    source = build()
    source.pipeline.transforms.insert(
        1, mmpretrain_transforms.RandomResizedCrop(scale=8)
    )
    with pytest.raises(SettingError, match='policy_dataloader.dataset.pipeline'):
        deterministic_pipeline(source.pipeline)


@pytest.mark.parametrize('count', [0, 2])
def test_pipeline_needs_exactly_one_place_for_policies(count):
    source = build([DDASAugment()] * count + [dict(type='ToyPack')])
    with pytest.raises(SettingError, match=f'holds {count}'):
        split_pipeline(source.pipeline)
