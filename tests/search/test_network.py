"""How losses are computed: mmcv's operations in bfloat16, layers in channels_last."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import mmcv.ops as ops
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.testing import demo_mm_inputs
from mmengine.hub import get_config
from mmengine.registry import DefaultScope

from ddas_mm.search.gradients import _in_float32, compute_loss, teach_bfloat16

ROOT = Path(__file__).parents[2]
HALF = torch.bfloat16
EPS = 2**-8  # of bfloat16
ROIS = torch.tensor([[0, 1.0, 1.0, 9.0, 7.0], [1, 0.0, 2.0, 5.0, 10.0]])
BOXES = torch.tensor([[0, 0, 8, 8], [1, 1, 9, 9], [20, 20, 30, 28.0]])
ROTATED = torch.tensor([[5, 5, 8, 4, 0.3], [6, 5, 8, 4, 0.2], [25, 25, 4, 4, 1.0]])
SCORES = torch.tensor([0.5, 0.75, 0.25])


def draw(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)))


def conv(offsets, *more):
    """Images, offsets, and for the modulated one masks, then weights."""
    return draw(2, 4, 12, 12), 0.1 * draw(2, offsets, 12, 12), *more, draw(3, 4, 3, 3)


CASES = {
    'RoIAlign': (lambda x, r: ops.roi_align(x, r, 3), draw(2, 3, 12, 12), ROIS),
    'RoIAlignRotated': (
        lambda x, r: ops.roi_align_rotated(x, r, 3, 1.0),
        draw(2, 3, 12, 12),
        torch.cat([torch.zeros(3, 1), ROTATED], 1),
    ),
    'deformable': (
        lambda x, o, w: ops.deform_conv2d(x, o, w, 1, 1),
        *conv(18),
    ),
    'modulated deformable': (
        lambda x, o, m, w: ops.modulated_deform_conv2d(x, o, m, w, None, 1, 1),
        *conv(18, draw(2, 9, 12, 12)),
    ),
    'psamask': (ops.PSAMask('collect', (3, 3)), draw(1, 9, 4, 4)),
    'rotated overlaps': (ops.box_iou_rotated, ROTATED, ROTATED),
}


def value_and_gradients(function, inputs):
    inputs = [value.clone().requires_grad_() for value in inputs]
    value = function(*inputs)
    if not value.requires_grad:
        return (value,)
    weights = draw(*value.shape).to(value.dtype)
    return value, *torch.autograd.grad(value, inputs, weights, allow_unused=True)


@pytest.mark.parametrize('halves', ['all', 'first'])
@pytest.mark.parametrize('name', CASES)
def test_mmcv_in_bfloat16_is_mmcv_in_float32_rounded(name, halves):
    teach_bfloat16()
    function, *inputs = CASES[name]
    rounded = [value.to(HALF) for value in inputs]
    expected = value_and_gradients(function, [value.float() for value in rounded])
    if halves == 'first' and name != 'deformable':  # which checks for one dtype
        rounded[1:] = [value.float() for value in rounded[1:]]
    found = value_and_gradients(function, rounded)
    for one, other in zip(found, expected, strict=True):
        if other is not None:
            scale = other.abs().max().item()
            torch.testing.assert_close(one.float(), other, rtol=0, atol=2 * EPS * scale)


def test_suppression_takes_scores_in_bfloat16():
    teach_bfloat16()
    kept = ops.batched_nms(
        BOXES, SCORES.to(HALF), torch.zeros(3), dict(iou_threshold=0.5)
    )
    assert kept[1].tolist() == [1, 2]
    assert ops.nms(BOXES.to(HALF), SCORES.to(HALF), 0.5)[1].tolist() == [1, 2]
    assert ops.soft_nms(BOXES.to(HALF), SCORES.to(HALF))[1].tolist()[0] == 1
    assert ops.nms_rotated(ROTATED.to(HALF), SCORES.to(HALF), 0.3)[1].tolist() == [1, 2]


def test_float32_reaches_mmcv_as_it_was_and_bfloat16_inputs_stay():
    teach_bfloat16()
    boxes = BOXES.to(HALF)
    before, version = boxes.clone(), boxes._version
    ops.nms(boxes, SCORES.to(HALF), 0.5)
    assert torch.equal(boxes, before)
    assert boxes._version == version  # else autograd would refuse it
    given = []
    pass_on = _in_float32(lambda *args, **kwargs: given.append((args, kwargs)))
    values = BOXES, BOXES.double(), BOXES.half(), BOXES.int(), 0.5, None
    pass_on(*values, last=values)
    ((arguments, named),) = given
    assert all(one is other for one, other in zip(arguments, values, strict=True))
    assert named['last'] is values


@pytest.mark.parametrize(
    'name',
    [pytest.param('faster_rcnn/faster', marks=pytest.mark.slow), 'mask_rcnn/mask'],
)
def test_two_stage_detectors_compute_their_loss_in_bfloat16(name):
    config = get_config(f'mmdet::{name}-rcnn_r50_fpn_1x_coco.py')
    config.merge_from_dict(
        {
            'model.backbone.depth': 18,
            'model.backbone.init_cfg': None,
            'model.neck.in_channels': [64, 128, 256, 512],
        }
    )
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmdet'):
        model = MODELS.build(config.model)
    model.init_weights()
    with_mask = 'mask' in name
    batch = demo_mm_inputs(2, [[3, 64, 64]] * 2, num_items=[2, 1], with_mask=with_mask)
    params = [param for param in model.parameters() if param.requires_grad]
    found = []
    for amp in (False, True):
        torch.manual_seed(1)  # of the samplers
        loss, parts = compute_loss(model, copy.deepcopy(batch), amp)
        assert ('loss_mask' in parts) == with_mask
        grads = torch.autograd.grad(loss, params)
        found.append((loss, torch.cat([grad.flatten() for grad in grads]).double()))
    (loss, gradient), (half_loss, half_gradient) = found
    torch.testing.assert_close(half_loss, loss, rtol=0.02, atol=0)
    cosine = torch.nn.functional.cosine_similarity(gradient, half_gradient, dim=0)
    assert cosine > 0.98


# The gradient of a strided 1 x 1 convolution, in the layout and in the plain one.
CRASHING = """
import sys
import torch
from mmengine.model import BaseModel
from ddas_mm.search.gradients import compute_loss
from ddas_mm.search.gradients import weights_last

class Net(BaseModel):
    def __init__(self, channels, stride, behind):
        super().__init__()
        self.first = torch.nn.Conv2d(channels, channels, 3, padding=1)
        self.behind = behind
        self.down = torch.nn.Conv2d(channels, 16, 1, stride=stride)

    def forward(self, inputs, mode):
        x = self.first(inputs) if self.behind else inputs
        return {'loss': self.down(x).square().mean()}

for channels in (2, 3, 4, 8, 15, 16):
    for stride, behind in ((2, True), (2, False), ((1, 2), True)):
        for amp in (False, True):
            torch.manual_seed(0)
            net = Net(channels, stride, behind)
            images, found = torch.randn(2, channels, 152, 200), []
            for last in (False, True):
                if last:
                    weights_last(net)
                loss, _ = compute_loss(net, {'inputs': images}, amp, last)
                found.append(torch.autograd.grad(loss, list(net.down.parameters()))[0])
            close = torch.allclose(*found, rtol=0, atol=0.02 * found[0].abs().max())
            assert close, (channels, stride, behind, amp)
print('all', net.first.weight.is_contiguous(memory_format=torch.channels_last))
"""


def test_channels_last_does_not_crash_in_layers_of_few_channels():
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', CRASHING],
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
    )
    assert done.returncode == 0, done.stderr  # -11 is SIGSEGV
    assert done.stdout.split() == ['all', 'True']
