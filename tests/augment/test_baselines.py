"""Baselines on the project's operations: sub-policies, and policies without search."""

import numpy as np
import pytest
from PIL import Image

from ddas_mm.augment.baselines import SubPolicyAugment, TorchvisionAutoAugment
from ddas_mm.augment.candidates import build_space
from ddas_mm.augment.transform import DDASAugment
from ddas_mm.errors import SettingError
from ddas_mm.ops import SPACES, ZOPH_POLICIES
from tests.augment.samples import image_of, plain, sample_of


def test_published_policies_have_the_published_sizes_and_values():
    """Facts of the policies that Zoph et al. published, counted by hand."""
    shapes = {name: [len(s) for s in subs] for name, subs in ZOPH_POLICIES.items()}
    assert [len(lengths) for lengths in shapes.values()] == [5, 20, 15, 15]
    assert set(shapes['v0'] + shapes['v1'] + shapes['v3']) == {2}
    assert set(shapes['v2']) == {2, 3}
    used = {
        name: {op for sub_policy in subs for op, _, _ in sub_policy}
        for name, subs in ZOPH_POLICIES.items()
    }
    assert [len(ops) for ops in used.values()] == [9, 17, 14, 14]
    assert set().union(*used.values()) == set(SPACES['coco']['ops']) - {'Identity'}
    steps = [step for subs in ZOPH_POLICIES.values() for sub in subs for step in sub]
    assert {level for _, _, level in steps} == {0, 2, 4, 6, 8, 10}
    assert {prob for _, prob, _ in steps} == {0, 0.2, 0.4, 0.6, 0.8, 1}


def test_v0_is_the_policy_that_the_paper_prints():
    assert ZOPH_POLICIES['v0'] == [
        [['TranslateX_BBox', 0.6, 4], ['Equalize', 0.8, 10]],
        [['TranslateY_Only_BBoxes', 0.2, 2], ['Cutout', 0.8, 8]],
        [['Sharpness', 0.0, 8], ['ShearX_BBox', 0.4, 0]],
        [['ShearY_BBox', 1.0, 2], ['TranslateY_Only_BBoxes', 0.6, 6]],
        [['Rotate_BBox', 0.6, 10], ['Color', 1.0, 6]],
    ]


@pytest.mark.parametrize('name', ZOPH_POLICIES)
def test_published_policies_run_on_a_sample(name):
    np.random.seed(0)  # noqa: NPY002  mm seeds its workers so
    step, changed = SubPolicyAugment(name), 0
    for _ in range(30):
        sample = sample_of(gt_bboxes_labels=np.array([1, 2, 3]))
        before = sample['img'].copy()
        results = step(sample)
        np.testing.assert_array_equal(sample['img'], before)
        assert len(results['gt_bboxes']) == len(results['gt_bboxes_labels'])
        changed += bool((results['img'] != before).any())
    assert changed > 10


def rates(policies, outcome, count=3000):
    """Share of samples with each outcome."""
    np.random.seed(1)  # noqa: NPY002
    step = SubPolicyAugment(policies)
    found = [outcome(step(sample_of())) for _ in range(count)]
    return np.mean(found, axis=0)


def test_sub_policies_are_drawn_uniformly_and_operations_with_their_probability():
    """Invert shows in a corner pixel, FlipLR_BBox in the first box."""
    corner, box = image_of()[0, 0], plain(sample_of()['gt_bboxes'])[0]

    def outcome(results):
        inverted = results['img'][0, [0, -1]].tolist()
        moved = plain(results['gt_bboxes'])[0, 0] != box[0]
        return (255 - corner).tolist() in inverted, moved

    policies = [[('Invert', 0.8, 3)], [('FlipLR_BBox', 0.5, None)], [('Invert', 0, 0)]]
    inverted, moved = rates(policies, outcome)
    assert abs(inverted - 0.8 / 3) < 0.04  # five standard deviations
    assert abs(moved - 0.5 / 3) < 0.04


def test_operations_on_boxes_hand_their_probability_on_to_each_box():
    """A third of it for each box of its own, as Zoph et al.; so both is a ninth."""

    def outcome(results):
        new, old = results['img'], image_of()
        changed = [bool((new[3:8, x] != old[3:8, x]).any()) for x in (6, 13)]
        return (*changed, all(changed))

    policies = [[('Solarize_Only_BBoxes', 0.6, 0)]]
    first, second, both = rates(policies, outcome)
    assert abs(first - 0.2) < 0.04
    assert abs(second - 0.2) < 0.04
    assert abs(both - 0.04) < 0.02


@pytest.mark.parametrize(
    ('policies', 'message'),
    [
        ('v9', "policies, if no list, must be one of v0, v1, v2, v3, but is 'v9'"),
        ([], r'policies must be list of length >= 1, but is \[\]'),
        ([[]], r'policies\[0\] must be list of length >= 1'),
        (
            [[('Invert', 2, None)]],
            r'policies\[0\]\[0\]\[1\] must be float <= 1.0, but is 2',
        ),
        ([[('Inverted', 1, None)]], "did you mean 'Invert'"),
        ([[('Color', 1, None)]], 'Color takes a level'),
    ],
)
def test_sub_policies_that_cannot_be_applied_are_refused(policies, message):
    with pytest.raises(SettingError, match=message):
        SubPolicyAugment(policies)


def test_policy_of_a_space_prefers_no_candidate():
    policy = dict(space=dict(name='cifar', levels=[9], depth=3), total_prob=0.5)
    schedule = DDASAugment(policy).schedule
    space = build_space(dict(name='sanity'))  # one level too: as many candidates
    assert (len(schedule), len(schedule.space), schedule.space.depth) == (1, 18, 3)
    assert len(space) == 18
    assert schedule.total_prob.tolist() == [0.5]
    np.testing.assert_allclose(schedule.op_probs, np.full((1, 18), 1 / 18))


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(total_prob=1.5), r'policy.total_prob must be float <= 1.0, but is 1.5'),
        (dict(total_prob='no'), r"policy.total_prob must be float, but is 'no'"),
        (dict(depth=2), 'contains unknown field depth'),
        (dict(space=dict(name='cifa')), "space.name must be .*'cifa'"),
    ],
)
def test_policy_of_a_space_is_checked(change, message):
    policy = {'space': dict(name='cifar'), 'total_prob': 0.5, **change}
    with pytest.raises(SettingError, match=message):
        DDASAugment(policy)


def test_autoaugment_takes_its_policy_by_name():
    results = {'img': Image.fromarray(image_of())}
    for policy in ('cifar10', 'svhn', 'imagenet'):
        assert TorchvisionAutoAugment(policy)(results)['img'].size == (20, 12)
    with pytest.raises(SettingError, match="imagenet, cifar10, svhn, but is 'cifar'"):
        TorchvisionAutoAugment('cifar')
