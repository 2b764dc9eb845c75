"""The data sets of a search."""

import random  # noqa: TID251  mm's steps draw from it

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.dataset import ConcatDataset
from mmengine.registry import DATASETS

from ddas_mm.augment.candidates import CandidateOps, build_space
from ddas_mm.augment.transform import DDASAugment, split_pipeline
from ddas_mm.errors import SearchFailed, SettingError
from ddas_mm.search.views import ValidationDataset, ViewDataset, ViewIndex
from tests import toy

SPACE = build_space(dict(table='classification', ops=toy.OPS, levels=[6], depth=1))
IDENTITY, INVERT = toy.OPS.index('Identity'), toy.OPS.index('Invert')
PIPELINE = [dict(type='ddas_mm.DDASAugment'), dict(type='ToyPack')]
RANDOM = [dict(type='ddas_mm.DDASAugment'), dict(type='ToyFlip'), dict(type='ToyPack')]
ROTATIONS = [[toy.OPS.index('Rotate')]] * 12  # to the left or to the right


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
    dataset = ViewDataset(build(RANDOM), range(9), CandidateOps(SPACE), seed=0)
    first = views_of(dataset, policies=ROTATIONS)
    np.random.seed(99)  # noqa: NPY002  what ran before must not matter
    torch.manual_seed(99)
    again = views_of(dataset, policies=ROTATIONS)
    assert all(map(torch.equal, first, again))
    # rotated to both sides, flipped or not, and the plain image
    assert len({view.numpy().tobytes() for view in first[1:]}) == 4


def test_steps_may_draw_from_any_global_generator():
    def draw(results):
        numbers = np.random.rand(), random.random(), torch.rand(()).item()  # noqa: NPY002
        return {'inputs': numbers, 'labels': 0}

    def states():
        return (
            np.random.get_state()[1].tolist(),  # noqa: NPY002
            random.getstate(),
            torch.get_rng_state().tolist(),
        )

    dataset = ViewDataset(
        build([PIPELINE[0], draw]), range(9), CandidateOps(SPACE), seed=0
    )
    first = views_of(dataset)
    for generator in (np.random, random, torch.random):
        (getattr(generator, 'manual_seed', None) or generator.seed)(5)
    before = states()
    assert views_of(dataset) == first
    assert states() == before
    assert all(len(set(numbers)) == 3 for numbers in zip(*first, strict=True))


@pytest.mark.parametrize(
    'changed', [dict(seed=1), dict(epoch=1), dict(index=1)], ids=lambda c: next(iter(c))
)
@pytest.mark.parametrize('place', ['before', 'operation', 'after'])
def test_each_part_of_the_pipeline_draws_anew(place, changed):
    """The same image throughout, of which only what was drawn may differ."""
    image = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)

    def same(results):
        return {**results, 'img': image.copy(), 'gt_label': 0}

    flip, augment, pack = dict(type='ToyFlip'), PIPELINE[0], PIPELINE[1]
    pipeline = {
        'before': [same, flip, augment, pack],
        'operation': [same, augment, pack],
        'after': [same, augment, flip, pack],
    }[place]
    policies = ROTATIONS[:3] if place == 'operation' else [[IDENTITY]] * 3

    def drawn(seed=0, epoch=0, index=0):
        """What eight images, or epochs, in a row are made of."""
        dataset = ViewDataset(build(pipeline), range(20), CandidateOps(SPACE), seed)
        found = [
            views_of(dataset, index + 2 * i, epoch, policies)[1:] for i in range(8)
        ]
        return [[view.numpy().tobytes() for view in views] for views in found]

    found = drawn()
    assert drawn() == found
    assert drawn(**changed) != found
    assert len({views[0] for views in found}) == 2
    kinds = {len(set(views)) for views in found}
    assert max(kinds) == (1 if place == 'before' else 2)  # each view by itself


def test_steps_that_write_into_their_input_meet_every_view_as_it_was_loaded():
    def invert(results):
        np.invert(results['img'], out=results['img'])
        results['boxes'].append(1)
        results['gt_label'] = len(results['boxes'])
        return results

    def load(results):
        return {**results, 'img': results['img'].copy(), 'boxes': []}

    source = build([load, PIPELINE[0], invert, PIPELINE[1]])
    dataset = ViewDataset(source, range(9), CandidateOps(SPACE), seed=0)
    item = ViewIndex(0, 0, [[IDENTITY], [IDENTITY]])
    _, views = dataset[item]
    expected = torch.from_numpy(255 - source.get_data_info(0)['img']).permute(2, 0, 1)
    for view in views:
        assert torch.equal(view['inputs'], expected)
        assert view['labels'] == 1


def test_paired_views_share_the_base_augmentation():
    policies = [[IDENTITY]] * 12
    ops = CandidateOps(SPACE)
    paired = ViewDataset(build(RANDOM), range(9), ops, seed=0, paired=True)
    single = ViewDataset(build(RANDOM), range(9), ops, seed=0)
    assert len({v.numpy().tobytes() for v in views_of(paired, policies=policies)}) == 1
    assert len({v.numpy().tobytes() for v in views_of(single, policies=policies)}) == 2
    turned = views_of(paired, policies=ROTATIONS)[1:]  # operations draw by themselves
    assert len({view.numpy().tobytes() for view in turned}) == 2


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
    dataset = ViewDataset(parts, [5, 4, 9, 0], CandidateOps(SPACE), seed=0)
    seen = [bool(views_of(dataset, index)[0].any()) for index in range(4)]
    assert seen == [False, True, False, True]


def test_s_val_is_kept_as_original():
    source = build(RANDOM)
    dataset = ValidationDataset(source, range(6), seed=0)
    for index in range(6):
        expected = torch.from_numpy(source.get_data_info(index)['img']).permute(2, 0, 1)
        assert torch.equal(dataset[index]['inputs'], expected)


class NothingInSight(BaseTransform):
    """Gives nothing for inverted images, whose dark half is bright."""

    def transform(self, results):
        return None if results['img'].mean() > 128 else results


def test_policies_without_any_usable_image_are_named(monkeypatch):
    monkeypatch.setattr('ddas_mm.search.views.MAX_REFETCH', 7)
    source = build([*PIPELINE[:1], NothingInSight(), *PIPELINE[1:]])
    dataset = ViewDataset(source, range(9), CandidateOps(SPACE), seed=0)
    views_of(dataset, policies=[[IDENTITY]])
    with pytest.raises(SearchFailed, match='None 7 times after Invert; take') as failed:
        views_of(dataset)
    assert 'Identity' not in str(failed.value)


def test_candidates_that_erase_an_image_alone_are_named(monkeypatch):
    monkeypatch.setattr('ddas_mm.search.views.MAX_REFETCH', 5)
    space = dict(table='detection', ops=('Equalize', 'TranslateX_BBox'), levels=(6,))
    ops = CandidateOps(build_space(space))
    boxes = np.array([[1.0, 1, 6, 6]])

    def load(results):
        return {**results, 'gt_bboxes': boxes.copy()}

    def keep(results):
        return results if len(results['gt_bboxes']) else None

    source = build([load, *PIPELINE[:1], keep, *PIPELINE[1:]])
    dataset = ViewDataset(source, range(9), ops, seed=0)
    views_of(dataset, policies=[[0, 0]])
    message = (
        r'5 times after TranslateX_BBox 6 and Equalize '
        r'\(TranslateX_BBox 6 alone erases the image\)'
    )
    with pytest.raises(SearchFailed, match=message):
        views_of(dataset, policies=[[0, 0], [1, 0]])


@pytest.mark.parametrize('count', [0, 2])
def test_pipeline_needs_exactly_one_place_for_policies(count):
    source = build([DDASAugment()] * count + [dict(type='ToyPack')])
    with pytest.raises(SettingError, match=f'holds {count}'):
        split_pipeline(source.pipeline)
