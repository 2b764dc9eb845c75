"""On COCO images: what two persistent workers draw agrees with the policy's rows."""

import tarfile

import numpy as np
import pytest
from mmengine.registry import DATASETS, init_default_scope
from scipy.stats import binom
from torch.utils.data import DataLoader

from ddas_mm.augment.candidates import build_space
from ddas_mm.augment.progress import CLOCK
from ddas_mm.augment.replay import find_augments
from ddas_mm.policy import PolicySchedule, policy_to_dict
from tests.toy import shared_path

TOTAL_PROB = (0.35, 0.8)
SPACE = build_space(dict(name='coco'))


def op_probs():
    """Rows that differ much, over a few of the candidates."""
    rng, rows = np.random.default_rng(0), np.zeros((2, len(SPACE)))
    for row in rows:
        row[rng.permutation(len(SPACE))[:8]] = rng.dirichlet(np.ones(8))
    return rows


@pytest.fixture(scope='module')
def data_root(tmp_path_factory):
    root = tmp_path_factory.mktemp('coco128')
    with tarfile.open(shared_path('data', 'coco128.tar')) as archive:
        archive.extraction_filter = getattr(tarfile, 'data_filter', None)
        archive.extractall(root)
    return root


class NotedOps:
    """Operations that note in the results which candidates were drawn."""

    def __init__(self, ops):
        self.ops = ops
        self.check_bits = ops.check_bits

    def apply(self, results, policy, rng):
        results = self.ops.apply(results, policy, rng)
        results['drawn'] = policy
        return results


def drawn(samples):
    """Return the candidates drawn for each image."""
    return [sample.get('drawn', []) for sample in samples]


def dataset_of(name, root):
    snapshots = list(zip(TOTAL_PROB, op_probs(), strict=True))
    policy = policy_to_dict(PolicySchedule.from_snapshots(SPACE, snapshots))
    augment = dict(type='ddas_mm.DDASAugment', policy=policy)
    load = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations', with_bbox=True, with_mask=name == 'masks'),
        dict(type='Resize', scale=(160, 96), keep_ratio=True),
    ]
    plain = dict(
        type='CocoDataset',
        data_root=str(root),
        ann_file='annotations/instances_train2017.json',
        data_prefix=dict(img='train2017/'),
        pipeline=load if name == 'mosaic' else [*load, augment],
    )
    mosaic = dict(type='Mosaic', img_scale=(96, 96))
    return {
        'repeat': dict(type='RepeatDataset', times=3, dataset=plain),
        'masks': dict(type='ConcatDataset', datasets=[plain, plain]),
        'balanced': dict(
            type='ClassBalancedDataset', dataset=plain, oversample_thr=0.1
        ),
        'mosaic': dict(
            type='MultiImageMixDataset', dataset=plain, pipeline=[mosaic, augment]
        ),
    }[name]


@pytest.mark.parametrize(
    'name',
    [pytest.param('repeat', marks=pytest.mark.slow), 'masks', 'balanced', 'mosaic'],
)
def test_workers_draw_what_the_rows_say(data_root, name):
    init_default_scope('mmdet')
    CLOCK.reset()
    dataset = DATASETS.build(dataset_of(name, data_root))
    augments = find_augments(dataset)
    for step in augments:
        step.ops = NotedOps(step.ops)
    loader = DataLoader(
        dataset, batch_size=4, num_workers=2, persistent_workers=True, collate_fn=drawn
    )
    for epoch, (total_prob, probs) in enumerate(
        zip(TOTAL_PROB, op_probs(), strict=True)
    ):
        CLOCK.set(epoch, 2)
        policies = [policy for batch in loader for policy in batch]
        counted = sum(step.counts.take() for step in augments).tolist()
        augmented = sum(len(policy) > 0 for policy in policies)
        assert counted == [len(dataset), augmented]
        low, high = binom.interval(0.999, counted[0], total_prob)
        assert low <= counted[1] <= high
        ops = np.bincount(np.concatenate(policies).astype(int), minlength=len(SPACE))
        assert ops.sum() == 2 * augmented
        low, high = binom.interval(0.999, ops.sum(), probs)
        assert ((low <= ops) & (ops <= high)).all()
    CLOCK.reset()
