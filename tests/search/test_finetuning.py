"""Fine-tunings that all begin from one network."""

import copy

import numpy as np
import pytest
import torch
from mmengine.dataset import RepeatDataset
from mmengine.registry import DATASETS
from mmengine.runner import Runner

from ddas_mm.augment.candidates import build_space
from ddas_mm.augment.progress import ProgressClock
from ddas_mm.derive.ranking import derive_finetuning
from ddas_mm.errors import SettingError
from ddas_mm.search.finetuning import FineTuning, at_rates, first_loaded, one_by_one
from tests import toy
from tests.told import lighten

SPACE = build_space(
    dict(
        table='classification',
        ops=('Identity', 'Invert', 'Rotate', 'FlipUD'),
        levels=(2, 6),
    )
)


@pytest.fixture(autouse=True)
def light(monkeypatch):
    lighten(monkeypatch)


def forks(folder, lr_scale=0.2, **changes):
    names, schedule = one_by_one(SPACE)
    config = derive_finetuning(toy.training_config(folder, **changes), schedule)
    torch.manual_seed(0)
    return FineTuning(Runner.from_cfg(config), len(names), lr_scale)


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_each_operation_has_a_row_with_its_levels():
    names, schedule = one_by_one(SPACE)
    assert names == ['none', 'Invert', 'Rotate', 'FlipUD']
    assert schedule.space.labels == SPACE.labels
    assert schedule.space.depth == 1
    assert schedule.total_prob.tolist() == [0, 0.5, 0.5, 0.5]
    rows = dict(zip(names[1:], schedule.op_probs[1:].tolist(), strict=True))
    assert rows == {
        'Invert': [0, 1, 0, 0, 0],
        'Rotate': [0, 0, 0.5, 0.5, 0],
        'FlipUD': [0, 0, 0, 0, 1],
    }


def test_each_rate_has_a_row_of_all_candidates():
    names, schedule = at_rates(SPACE, [0.35, 1.0])
    assert names == ['none', 'p_tp 0.35', 'p_tp 1']
    assert schedule.space == SPACE
    assert schedule.total_prob.tolist() == [0, 0.35, 1]
    assert (schedule.op_probs == 1 / 5).all()


@pytest.mark.parametrize('workers', [0, 2])
def test_order_of_fine_tunings_does_not_matter_bit_for_bit(tmp_path, workers):
    loader = {'train_dataloader.num_workers': workers}
    one, other = (forks(tmp_path / name, **loader) for name in 'ab')
    assert equal(state(one.start), state(other.start))
    before = state(one.start)
    there = {row: state(one.tune(row, 3, 8)) for row in range(4)}
    measured = {row: one.evaluate(one.tune(row, 3, 8)) for row in (1, 2)}
    again = {row: state(other.tune(row, 3, 8)) for row in (2, 3, 1, 0)}
    assert all(equal(there[row], again[row]) for row in range(4))
    for row in (2, 1):
        assert other.evaluate(other.tune(row, 3, 8)) == measured[row]
    assert equal(before, state(one.start))
    assert one.start.seen == []
    different = [there[0], there[1], there[2], state(one.tune(1, 4, 8))]
    weights = [s['head.weight'] for s in different]
    for i, weight in enumerate(weights):
        assert not any(torch.equal(weight, other) for other in weights[:i])


def test_no_augmentation_is_plain_training_at_a_rate_that_falls(tmp_path):
    changes = {
        'model.drop': 0.0,
        'train_dataloader.dataset.pipeline': [dict(type='ToyPack')],
    }
    tuned = forks(tmp_path, lr_scale=0.5, **changes)
    start = copy.deepcopy(tuned.start)
    found = tuned.tune(0, 3, 10)
    config = toy.training_config(tmp_path, **changes)
    loader = Runner.build_dataloader(config.train_dataloader, seed=3)
    batches = []
    for epoch in (0, 1):
        loader.sampler.set_epoch(epoch)
        batches += list(loader)
    assert tuned.epoch == 6
    optimizer = torch.optim.SGD(start.parameters(), 0.1, 0.9, weight_decay=1e-2)
    for step, batch in enumerate(batches[:10]):
        optimizer.param_groups[0]['lr'] = 0.1 * 0.5 * (1 - step / 10)
        optimizer.zero_grad()
        start(**batch, mode='loss')['loss'].backward()
        optimizer.step()
        assert torch.equal(batch['inputs'], found.seen[step])
    for name, value in start.state_dict().items():
        assert torch.allclose(value, found.state_dict()[name], atol=1e-6)


@pytest.mark.parametrize('workers', [0, 2])
def test_operation_acts_on_half_of_the_same_images(tmp_path, workers):
    loader = {'train_dataloader.num_workers': workers}
    tuned = forks(tmp_path, **loader)
    plain, inverted, flipped = (
        torch.cat(tuned.tune(row, 7, 24).seen) for row in (0, 1, 3)
    )
    for changed, how in ((inverted, 255 - plain), (flipped, plain.flip(2))):
        same = (changed == plain).flatten(1).all(1)
        acted = (changed == how).flatten(1).all(1)
        assert (same | acted).all()
        assert not (same & acted).any()
        assert abs(int(acted.sum()) - 48) < 3.3 * 24**0.5  # of 96


def test_evaluation_is_that_of_the_training_on_s_val(tmp_path):
    tuned = forks(tmp_path)
    data = DATASETS.build(toy.training_config(tmp_path).val_dataloader.dataset)
    model = copy.deepcopy(tuned.start).eval()
    with torch.no_grad():
        right = [
            model(x['inputs'][None], torch.tensor([x['labels']]), 'predict')[0]
            for x in map(data.__getitem__, range(len(data)))
        ]
    accuracy = 100 * np.mean([a == b for a, b in right])
    assert tuned.evaluate()['accuracy/top1'] == pytest.approx(accuracy)


AMP = pytest.param('AmpOptimWrapper', marks=pytest.mark.gpu)


@pytest.mark.parametrize('wrapper', ['OptimWrapper', AMP])
def test_optimizer_is_the_training_s_own(tmp_path, wrapper):
    settings = {
        'optim_wrapper.type': wrapper,
        'optim_wrapper.accumulative_counts': 2,
        'optim_wrapper.paramwise_cfg': dict(custom_keys=dict(conv=dict(lr_mult=0.0))),
    }
    tuned = forks(tmp_path, **settings)
    found, before = state(tuned.tune(1, 0, 4)), state(tuned.start)
    assert torch.equal(found['conv.weight'], before['conv.weight'])
    assert not torch.equal(found['head.weight'], before['head.weight'])


def test_training_before_in_the_same_process_leaves_no_trace(tmp_path, monkeypatch):
    """An iteration-based one without workers leaves the number of its last batch."""
    tuned = forks(tmp_path)
    expected = state(tuned.tune(1, 0, 2))
    monkeypatch.setattr(ProgressClock, 'batch', 3)
    assert equal(state(tuned.tune(1, 0, 2)), expected)


def test_first_image_is_found_below_wrappers(tmp_path):
    source = derive_finetuning(toy.training_config(tmp_path), one_by_one(SPACE)[1])
    data = DATASETS.build(source.train_dataloader.dataset)
    loaded = first_loaded(RepeatDataset(data, 2))
    assert np.array_equal(loaded['img'], data.get_data_info(0)['img'])


def test_loader_without_a_batch_is_refused(tmp_path):
    loader = {
        'train_dataloader.drop_last': True,
        'train_dataloader.batch_size': 64,
    }
    with pytest.raises(SettingError, match='no mini-batch.* 24 images'):
        forks(tmp_path, **loader)
