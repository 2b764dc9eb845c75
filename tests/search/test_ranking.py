"""Losses of mini-batches as they are, and after each candidate."""

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS
from torch.nn import functional as F

from ddas_mm.augment.candidates import CandidateOps, build_space
from ddas_mm.errors import SearchFailed
from ddas_mm.search.data import AT_ONCE, build_candidate_loader
from ddas_mm.search.ranking import (
    candidate_losses,
    draw_batches,
    layers_at_rest,
)
from ddas_mm.search.views import (
    OriginalViews,
    ValidationDataset,
    ViewDataset,
    ViewIndex,
)
from tests import toy

# What numpy does as well, with uint8 images.
BY_HAND = {
    'Identity': lambda image: image,
    'Invert': lambda image: 255 - image,
    'FlipUD': lambda image: image[:, ::-1],
    'FlipLR': lambda image: image[:, :, ::-1],
}
SPACE = build_space(dict(table='classification', ops=list(BY_HAND)))
LOADER = dict(batch_size=4, num_workers=0, collate_fn=dict(type='default_collate'))
BATCHES = [[0, 3, 5, 2], [1, 4, 6, 7]]


def source():
    pipeline = [dict(type='ddas_mm.DDASAugment'), dict(type='ToyPack')]
    return DATASETS.build(dict(type='ToyDataset', pipeline=pipeline))


def network(seed=0):
    torch.manual_seed(seed)
    model = toy.ToyModel()
    model.norm.running_mean.uniform_(-1, 1)
    model.norm.running_var.uniform_(0.5, 2)
    return model


def measured(model, views, space=SPACE):
    layers_at_rest(model)
    loader = build_candidate_loader(views, LOADER, BATCHES)
    return candidate_losses(model, loader, space.labels, seed=0)


def loss_by_hand(model, images, labels):
    x = F.conv2d(torch.tensor(images / 255, dtype=torch.float32), *conv(model))
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
    shape = (1, -1, 1, 1)
    x = (x - mean.view(shape)) / (var.view(shape) + model.norm.eps).sqrt()
    x = torch.tanh(x * model.norm.weight.view(shape) + model.norm.bias.view(shape))
    logits = x.flatten(1) @ model.head.weight.T + model.head.bias
    logs = logits - logits.exp().sum(1, keepdim=True).log()
    return -logs[range(len(labels)), labels].mean().item()


def conv(model):
    return model.conv.weight, model.conv.bias, 2, 1


@pytest.mark.parametrize('part', ['S_train', 'S_val'])
def test_losses_are_those_of_images_changed_by_hand(part):
    data, indices = source(), range(8, 16)
    views = ViewDataset(data, indices, CandidateOps(SPACE), seed=0)
    if part == 'S_val':
        views = OriginalViews(ValidationDataset(data, indices, 0), views.ops)
    model = network()
    found = measured(model, views)
    for number, batch in enumerate(BATCHES):
        infos = [data.get_data_info(indices[i]) for i in batch]
        images = np.stack([info['img'] for info in infos]).transpose(0, 3, 1, 2)
        labels = [info['gt_label'] for info in infos]
        plain = loss_by_hand(model, images, labels)
        for k, name in enumerate(BY_HAND):
            # (N, C, H, W): height and width lie one further back
            changed = np.moveaxis(images, 1, -1)
            changed = np.moveaxis(BY_HAND[name](changed), -1, 1).copy()
            expected = loss_by_hand(model, changed, labels)
            assert found[:, k, number] == pytest.approx([plain, expected], rel=1e-5)


def test_network_is_left_as_it_was():
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    views = ViewDataset(source(), range(8), CandidateOps(SPACE), seed=0)
    measured(model, views)
    assert all(torch.equal(before[n], v) for n, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_every_candidate_of_a_large_space_has_its_own_losses():
    space = build_space(dict(name='cifar'))
    assert len(space) > 2 * AT_ONCE
    views = ViewDataset(source(), range(8), CandidateOps(space), seed=0)
    large = measured(network(), views, space)
    small = measured(network(), ViewDataset(source(), range(8), CandidateOps(SPACE), 0))
    assert large.shape == (2, len(space), len(BATCHES))
    for name in ('Identity', 'Invert', 'FlipUD'):
        there, here = space.labels.index(name), SPACE.labels.index(name)
        assert large[:, there] == pytest.approx(small[:, here])


def test_dropout_rests():
    model = network()
    model.head = torch.nn.Sequential(torch.nn.Dropout(0.5), model.head)
    layers_at_rest(model)
    assert model.training
    assert model.norm.training
    assert not model.head[0].training


def test_candidates_act_in_S_val_where_they_act_in_S_train():
    def halve(results):
        return {**results, 'img': results['img'] // 2}

    data = source()
    data.pipeline.transforms.insert(0, halve)  # before the place of policies
    val = ValidationDataset(data, range(4), 0)
    views = OriginalViews(val, CandidateOps(SPACE))
    invert = SPACE.labels.index('Invert')
    _, (plain, inverted) = views[ViewIndex(1, 0, [[invert]])]
    expected = data.get_data_info(1)['img'].transpose(2, 0, 1) // 2
    assert np.array_equal(plain['inputs'], expected)
    assert np.array_equal(inverted['inputs'], 255 - expected)


def test_given_steps_of_S_val_are_cut_behind_those_that_load():
    class LoadTwice:
        def __call__(self, results):
            return {**results, 'img': results['img'] // 2}

    data = source()
    pack = data.pipeline.transforms[-1]
    data.pipeline.transforms[:] = [LoadTwice(), lambda results: results, pack]
    val = ValidationDataset(data, range(4), 0, as_given=True)
    views = OriginalViews(val, CandidateOps(SPACE))
    assert [len(head.transforms) for head in views.heads] == [1]


def test_losses_that_are_not_finite_name_the_candidate():
    model = network()
    torch.nn.init.constant_(model.head.bias, float('nan'))
    views = ViewDataset(source(), range(8), CandidateOps(SPACE), seed=0)
    with pytest.raises(SearchFailed, match='not finite: nan .* after Identity'):
        measured(model, views)


@pytest.mark.parametrize(
    ('size', 'number', 'most', 'count', 'each'),
    [(1000, 512, 32, 16, 32), (50, 512, 32, 16, 32), (10, 64, 32, 8, 10)],
)
def test_batches_are_of_one_size_and_show_images_alike_often(
    size, number, most, count, each
):
    batches = draw_batches(size, number, most, seed=0)
    assert [len(batch) for batch in batches] == [each] * count
    assert all(len(set(batch)) == each for batch in batches)
    assert draw_batches(size, number, most, 0) == batches
    assert draw_batches(size, number, most, 1) != batches
    times = np.bincount(np.ravel(batches), minlength=size)
    assert len(times) == size
    assert times.max() <= -(-count // (size // each))
