"""ResNet-200: size as published."""

from torch import nn

from ddas_mm.models import ResNet200


def test_size_is_the_published_one():
    """He et al. (2016), identity mappings: 64.7 M; with a head for 1000 classes."""
    model = ResNet200(init_cfg=None)
    count = sum(p.numel() for p in model.parameters()) + 2048 * 1000 + 1000
    assert round(count / 1e6, 1) == 64.7
    convolutions = [
        name
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Conv2d) and 'downsample' not in name
    ]
    assert len(convolutions) == 200 - 1  # the last layer is the head
