"""DDASAugment in a training: drawing, progress, counting, streams."""

import copy
import json

import numpy as np
import pytest
from torch.utils.data import DataLoader

from ddas_mm.augment.candidates import build_space
from ddas_mm.augment.progress import CLOCK
from ddas_mm.augment.transform import DDASAugment
from ddas_mm.errors import SettingError
from ddas_mm.policy import PolicySchedule, policy_to_dict, write_policy

SPACE = build_space(dict(table='classification', ops=['Invert', 'FlipUD'], depth=1))
SIZE = 400


def schedule_of(*total_probs):
    snapshots = [(p, np.array([0.75, 0.25])) for p in total_probs]
    return PolicySchedule.from_snapshots(SPACE, snapshots)


def augment_of(*total_probs):
    return DDASAugment(policy=policy_to_dict(schedule_of(*total_probs)))


class Images:
    """400 images whose two rows tell what was done to them."""

    def __init__(self, augment):
        self.augment = augment

    def __len__(self):
        return SIZE

    def __getitem__(self, index):
        image = np.zeros((2, 1, 3), np.uint8)
        image[1] = 10
        result = self.augment({'img': image})['img'][:, 0, 0].tolist()
        return {(0, 10): 0, (255, 245): 1, (10, 0): 2}[tuple(result)]


@pytest.fixture(autouse=True)
def _fresh_clock():
    CLOCK.reset()
    yield
    CLOCK.reset()


def loader_of(augment, workers, method=None, persistent=False):
    return DataLoader(
        Images(augment),
        batch_size=20,
        num_workers=workers,
        multiprocessing_context=method,
        persistent_workers=persistent,
        collate_fn=list,
    )


def run_epoch(loader):
    return np.array([kind for batch in loader for kind in batch])


@pytest.mark.parametrize(
    ('workers', 'method', 'persistent'),
    [(0, None, False), (2, 'fork', True), (2, 'fork', False), (2, 'spawn', True)],
)
def test_workers_follow_progress_and_are_counted(workers, method, persistent):
    augment = copy.deepcopy(augment_of(0.0, 1.0, 0.5))
    loader = loader_of(augment, workers, method, persistent)
    seen = []
    for epoch in range(3):
        CLOCK.set(epoch, 3)
        seen.append(run_epoch(loader))
    assert not seen[0].any()
    assert seen[1].all()
    # 3.29 standard deviations: a 99.9 % binomial interval
    assert abs((seen[2] > 0).mean() - 0.5) < 3.29 * np.sqrt(0.25 / SIZE)
    inverted = (np.concatenate(seen) == 1).sum() / (np.concatenate(seen) > 0).sum()
    augmented = sum((one > 0).sum() for one in seen)
    assert abs(inverted - 0.75) < 3.29 * np.sqrt(0.75 * 0.25 / augmented)
    assert augment.counts.take().tolist() == [3 * SIZE, augmented]


@pytest.mark.parametrize('persistent', [True, False])
def test_no_two_epochs_repeat_a_stream_and_a_second_run_repeats_the_first(persistent):
    runs = []
    augment = augment_of(0.5, 0.5)
    for _ in range(2):
        loader = loader_of(augment, 2, 'fork', persistent)
        loader.worker_init_fn = _seed_like_mmengine
        epochs = []
        for epoch in range(2):
            CLOCK.set(epoch, 2)
            epochs.append(run_epoch(loader))
        runs.append(epochs)
    assert (runs[0][0] != runs[0][1]).any()
    np.testing.assert_array_equal(runs[0], runs[1])


def _seed_like_mmengine(worker):
    import torch

    torch.manual_seed(7 + worker)


def test_ranks_and_steps_draw_apart(monkeypatch):
    drawn = []
    for rank, step in ((0, 0), (1, 0), (0, 1)):
        monkeypatch.setattr('ddas_mm.augment.progress.get_rank', lambda rank=rank: rank)
        CLOCK.reset()
        CLOCK.set(step, 2)
        drawn.append(CLOCK.generator().random())
    assert len(set(drawn)) == 3


def test_two_transforms_of_one_worker_draw_apart():
    first, second = augment_of(0.5), augment_of(0.5)
    kinds = [run_epoch(loader_of(augment, 0)) for augment in (first, second)]
    assert (kinds[0] != kinds[1]).any()


def test_policy_of_several_rows_needs_the_hook():
    with pytest.raises(SettingError, match='2 rows.*DDASHook'):
        augment_of(0.5, 0.5).transform({'img': np.zeros((2, 2, 3), np.uint8)})
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)  # either operation shows
    one_row = augment_of(1.0).transform({'img': image})['img']  # needs no hook
    assert (one_row != image).any()


def test_policy_may_be_a_file(tmp_path):
    write_policy(schedule_of(1.0), tmp_path / 'policy.json')
    augment = DDASAugment(policy=tmp_path / 'policy.json')
    image = np.zeros((2, 2, 3), np.uint8)
    assert augment.transform({'img': image})['img'].shape == (2, 2, 3)
    assert augment.schedule.total_prob.tolist() == [1.0]


def test_transform_without_policy_says_what_to_do():
    with pytest.raises(SettingError, match='has no policy'):
        DDASAugment().transform({'img': np.zeros((2, 2, 3), np.uint8)})


@pytest.mark.parametrize(
    ('policy', 'message'),
    [
        (7, 'must be a dict or the path.*7'),
        ('nowhere.json', 'nowhere.json.*No such file'),
        ({'table': 'detection'}, 'DDASAugment.policy: field candidates is missing'),
        (
            dict(table='nope', candidates=[['A', None]], depth=1, total_prob=[1],
                 op_probs=[[1]]),
            'nope',
        ),
        (
            dict(table='detection', candidates=[['Equalise', None]], depth=1,
                 total_prob=[1], op_probs=[[1]]),
            'Equalise',
        ),
        (
            dict(table='detection', candidates=[['Equalize', 4]], depth=1,
                 total_prob=[1], op_probs=[[1]]),
            'Equalize',
        ),
    ],
)  # fmt: skip
def test_unusable_policy_is_refused_at_construction(policy, message):
    with pytest.raises(SettingError, match=message):
        DDASAugment(policy=policy)


@pytest.mark.parametrize(
    ('candidate', 'message'),
    [(['Nope', None], "no operation 'Nope'"), (['Equalize', 3], 'takes no level')],
)
def test_policy_file_with_an_unknown_candidate_is_named(candidate, message, tmp_path):
    path = tmp_path / 'policy.json'
    data = dict(
        table='detection',
        candidates=[candidate],
        depth=1,
        total_prob=[0.5],
        op_probs=[[1.0]],
    )
    path.write_text(json.dumps(data))
    with pytest.raises(SettingError, match=message) as caught:
        DDASAugment(path)
    assert str(path) in str(caught.value)
