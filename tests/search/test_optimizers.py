"""Which updates of the network are exact, against differences of real steps (float64).

The expected alignment comes from no formula: the weight of one view is moved by a small
amount either way, the configured optimiser takes its real step, and the loss of S_val
is compared.
"""

import copy

import pytest
import torch
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import OPTIMIZERS
from mmengine.runner import Runner

from ddas_mm.errors import SettingError
from ddas_mm.search.checks import check_optimizer
from tests import toy


@OPTIMIZERS.register_module()
class ToySGD(torch.optim.SGD):
    """Could do anything in its step."""


SHIFT = 1e-5
WEIGHTS = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)


def build_loop(tmp_path, model='ToyModel', **optim_wrapper):
    """A loop with a float64 model and exactly this optimiser."""
    options = {'model.type': model, 'model.norm': False, 'model.dtype': 'float64'}
    config = toy.search_config(tmp_path, **options)
    config.optim_wrapper = dict(type='OptimWrapper', **optim_wrapper)
    runner = Runner.from_cfg(config)
    loop = runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    loop.prepare()
    return loop


def loss_of(model, batch):
    return model(**batch, mode='loss')['loss']


def val_loss_after_step(loop, batch, val_batch, weights):
    """Take a real step with the mixed gradient, and undo it."""
    model, wrapper = loop.runner.model, loop.runner.optim_wrapper
    before = copy.deepcopy((model.state_dict(), wrapper.optimizer.state_dict()))
    wrapper.zero_grad()
    loss = sum(
        weight * loss_of(model, view)
        for weight, view in zip(weights, batch['views'], strict=True)
    )
    loss.backward()
    for param in model.parameters():  # as in a search: no gradient is a zero one
        param.grad = torch.zeros_like(param) if param.grad is None else param.grad
    wrapper.step()
    found = loss_of(model, val_batch).item()
    model.load_state_dict(before[0])
    wrapper.optimizer.load_state_dict(before[1])
    return found


def alignments_by_difference(loop, batch, val_batch):
    found = []
    for view in (1, 2, 3):
        shift = torch.zeros_like(WEIGHTS)
        shift[0], shift[view] = -SHIFT, SHIFT
        losses = [
            val_loss_after_step(loop, batch, val_batch, WEIGHTS + sign * shift)
            for sign in (1, -1)
        ]
        found.append((losses[0] - losses[1]) / (2 * SHIFT))
    return torch.tensor(found, dtype=torch.float64)


SGD = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.01)
GROUPS = {
    'paramwise_cfg': dict(
        custom_keys={'head': dict(lr_mult=4.0, decay_mult=0.0)}, bias_lr_mult=2.0
    )
}
EXACT = {
    'plain': dict(optimizer=dict(type='SGD', lr=0.1)),
    'momentum': dict(optimizer=SGD),
    'nesterov': dict(optimizer={**SGD, 'nesterov': True}),
    'rates by parameter': dict(optimizer=SGD, **GROUPS),
    'clipped by norm': dict(optimizer=SGD, clip_grad=dict(max_norm=0.05)),
    'not clipped by norm': dict(optimizer=SGD, clip_grad=dict(max_norm=50)),
    'clipped by value': dict(
        optimizer=SGD, clip_grad=dict(type='value', clip_value=0.02)
    ),
    'everything': dict(
        optimizer={**SGD, 'nesterov': True}, clip_grad=dict(max_norm=0.05), **GROUPS
    ),
}


@pytest.mark.parametrize('name', EXACT)
def test_alignment_is_the_derivative_of_the_real_step(tmp_path, name):
    loop = build_loop(tmp_path, **EXACT[name])
    if name == 'everything':  # Nesterov's factor differs, and does not cancel
        loop.runner.optim_wrapper.optimizer.param_groups[0]['momentum'] = 0.5
    assert_alignment_is_exact(loop)


def assert_alignment_is_exact(loop):
    """Compare with the loss of S_val after real steps, once momentum is there."""
    batches, val_batches = list(loop.dataloader), iter(loop.val_loader)
    first, batch = batches[:2]
    loop.search_step(first['views'], first['policies'], next(val_batches))
    val_batch = next(val_batches)
    expected = alignments_by_difference(loop, batch, val_batch)
    assert expected.abs().max() > 1e-4  # far above the tolerance
    for view, data in enumerate(batch['views']):
        loop.gradients.of_view(view, data)
    loop.gradients.step_with(WEIGHTS)
    found = loop.gradients.align(val_batch)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


def test_clipping_by_norm_and_by_value_do_clip_in_these_tests(tmp_path):
    loop = build_loop(tmp_path, optimizer=SGD)
    batch = list(loop.dataloader)[1]
    for view, data in enumerate(batch['views']):
        loop.gradients.of_view(view, data)
    loop.gradients.mix(WEIGHTS)
    assert 0.05 < loop.gradients.grad_norm < 50
    share = (loop.gradients.grad.flat.abs() > 0.02).double().mean()
    assert 0.05 < share < 0.95


UNFOLLOWED = {
    'unknown': (dict(type='Adagrad', lr=0.1), r'type must be one of Adam, .*Adagrad'),
    'subclass': (dict(type='ToySGD', lr=0.1), "RMSprop, SGD in a.*'ToySGD'"),
    'dampening': (
        dict(type='SGD', lr=0.1, momentum=0.9, dampening=0.5),
        'optimizer.dampening must be 0 in a search.*is 0.5',
    ),
    'maximize': (
        dict(type='AdamW', lr=0.1, maximize=True),
        'optimizer.maximize must be False in a search.*is True',
    ),
    'amsgrad': (
        dict(type='Adam', lr=0.1, amsgrad=True),
        'optimizer.amsgrad must be False in a search.*is True',
    ),
    'centered': (
        dict(type='RMSprop', lr=0.1, centered=True),
        'optimizer.centered must be False in a search.*is True',
    ),
}


@pytest.mark.parametrize('name', UNFOLLOWED)
def test_other_optimisers_are_refused_with_the_reason(tmp_path, name):
    settings, message = UNFOLLOWED[name]
    with pytest.raises(SettingError, match=message):
        build_loop(tmp_path, optimizer=settings)


REFUSED = {
    'fp16': (
        {'optim_wrapper.type': 'AmpOptimWrapper'},
        "must be 'OptimWrapper'.*'AmpOptimWrapper': scaled losses.*use --amp",
    ),
    'norm': (
        {'optim_wrapper.clip_grad': dict(max_norm=1.0, norm_type=1)},
        'clip_grad.norm_type must be 2.*is 1',
    ),
    'compile': ({'compile': True}, 'compile must be unset in a search'),
    'by_epoch': (
        {'default_hooks.checkpoint': dict(type='CheckpointHook', by_epoch=False)},
        'default_hooks.checkpoint.by_epoch must be True in a search',
    ),
    'keep': (
        {'default_hooks.checkpoint': dict(type='CheckpointHook', max_keep_ckpts=1)},
        'checkpoint.max_keep_ckpts must be at least 2',
    ),
}


@pytest.mark.parametrize('name', REFUSED)
def test_what_would_change_the_step_or_the_resume_is_refused(tmp_path, name):
    changes, message = REFUSED[name]
    runner = Runner.from_cfg(toy.search_config(tmp_path, **changes))
    with pytest.raises(SettingError, match=message) as caught:
        runner.train()
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'policy.json').exists()


def test_several_optimisers_are_refused():
    one = OptimWrapper(torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1))
    with pytest.raises(SettingError, match="'OptimWrapperDict': one step must update"):
        check_optimizer(OptimWrapperDict(a=one))
