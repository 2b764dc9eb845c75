"""Wide residual networks: size and shape as published."""

import pytest
import torch

from ddas_mm.errors import SettingError
from ddas_mm.models import WideResNet


@pytest.mark.parametrize(
    ('depth', 'width', 'millions'), [(28, 10, 36.5), (40, 2, 2.2), (16, 4, 2.7)]
)
def test_parameter_count_is_the_published_one(depth, width, millions):
    """Zagoruyko and Komodakis, Tables 4 and 5; with a head for 10 classes."""
    model = WideResNet(depth, width)
    count = sum(p.numel() for p in model.parameters()) + 64 * width * 10 + 10
    assert round(count / 1e6, 1) == millions


def test_features_are_a_quarter_of_the_image_wide():
    (features,) = WideResNet(10, 1)(torch.zeros(2, 3, 32, 32))
    assert features.shape == (2, 64, 8, 8)


def test_depth_counts_convolutions():
    convolutions = [
        layer
        for layer in WideResNet(16, 2).modules()
        if isinstance(layer, torch.nn.Conv2d) and layer.kernel_size == (3, 3)
    ]
    assert (
        len(convolutions) == 16 - 3
    )  # without 3 shortcuts: the head is no layer of it
    with pytest.raises(SettingError, match='depth must be 6 n'):
        WideResNet(17, 2)
