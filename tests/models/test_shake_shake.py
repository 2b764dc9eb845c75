"""Shake-Shake networks: size as published, and how the branches are mixed."""

import pytest
import torch
from torch import nn

from ddas_mm.errors import SettingError
from ddas_mm.models import ShakeBlock, ShakeShake, ShiftedShortcut, shake


def test_parameter_count_is_the_published_one():
    """Gastaldi, Table 1: 26 2x96d has 26.2 M; with a head for 10 classes."""
    with torch.device('meta'):
        model = ShakeShake(26, 96, init_cfg=None)
    count = sum(p.numel() for p in model.parameters()) + 384 * 10 + 10
    assert round(count / 1e6, 1) == 26.2


def test_features_are_a_quarter_of_the_image_wide():
    (features,) = ShakeShake(8, 4)(torch.zeros(2, 3, 32, 32))
    assert features.shape == (2, 16, 8, 8)


def test_each_image_is_mixed_by_weights_of_its_own():
    torch.manual_seed(0)
    first = torch.ones(500, 2, 3, 3, requires_grad=True)
    second = torch.zeros(500, 2, 3, 3, requires_grad=True)
    forwards = shake(first, second)
    to_first, to_second = torch.autograd.grad(forwards.sum(), [first, second])
    torch.testing.assert_close(to_first + to_second, torch.ones_like(to_first))
    for mixed in (forwards, to_first):  # one weight for all values of an image
        assert torch.equal(mixed, mixed[:, :1, :1, :1].expand_as(mixed))
    weights = torch.stack([forwards[:, 0, 0, 0], to_first[:, 0, 0, 0]]).detach()
    assert weights.min() >= 0
    assert weights.max() <= 1
    # uniform, and forwards and backwards know nothing of each other
    assert (weights.mean(1) - 0.5).abs().max() < 0.05
    assert (weights.var(1) - 1 / 12).abs().max() < 0.01
    assert abs(torch.corrcoef(weights)[0, 1]) < 0.15


def test_evaluation_mixes_evenly():
    block = ShakeBlock(4, 4, 1).eval()
    x = torch.rand(2, 4, 6, 6)
    mean = (block.branches[0](x) + block.branches[1](x)) / 2
    torch.testing.assert_close(block(x), x + mean)
    block.train()
    assert not torch.equal(block(x), block(x))


def test_shortcut_looks_at_two_pixels():
    shortcut = ShiftedShortcut(1, 2, 2)
    for conv in (shortcut.here, shortcut.beside):
        nn.init.ones_(conv.weight)
    shortcut.norm = nn.Identity()
    x = torch.arange(1.0, 17.0).reshape(1, 1, 4, 4)
    here, beside = shortcut(x)[0]
    assert here.tolist() == [[1, 3], [9, 11]]
    assert beside.tolist() == [[0, 0], [0, 6]]


def test_depth_is_checked():
    with pytest.raises(SettingError, match='depth must be 6 n'):
        ShakeShake(28)
