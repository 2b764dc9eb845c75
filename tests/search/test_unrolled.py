"""Searches with any optimiser against autograd through the unrolled update (float64).

The reference writes each optimiser's formula once more, differentiably, and keeps
parameters, states and policy of its own, from the first step to the last.
"""

import pytest
import torch
from mmengine.model import BaseDataPreprocessor
from mmengine.registry import MODELS, DefaultScope
from mmpretrain.models import ImageClassifier

from ddas_mm.search import update
from tests.search.test_gradients import loss_at
from tests.search.test_optimizers import GROUPS, SGD, build_loop


def sgd(theta, h, state, group):
    momentum = group.get('momentum', 0)
    h = h + group['weight_decay'] * theta
    state['b'] = b = momentum * state.get('b', 0) + h
    return theta - group['lr'] * (h + momentum * b if group.get('nesterov') else b)


def adam(theta, h, state, group, decoupled=False):
    (beta1, beta2), decay = group['betas'], group['weight_decay']
    if decoupled:
        theta = theta - group['lr'] * decay * theta
    else:
        h = h + decay * theta
    state['t'] = t = state.get('t', 0) + 1
    state['m'] = m = beta1 * state.get('m', 0) + (1 - beta1) * h
    state['v'] = v = beta2 * state.get('v', 0) + (1 - beta2) * h * h
    # an entry without any gradient stays: autograd would find NaN
    root = torch.where(v > 0, v, 1).sqrt() * (v > 0) / (1 - beta2**t) ** 0.5
    return theta - group['lr'] * m / (1 - beta1**t) / (root + group['eps'])


def adamw(theta, h, state, group):
    return adam(theta, h, state, group, decoupled=True)


def rmsprop(theta, h, state, group):
    h, alpha = h + group['weight_decay'] * theta, group['alpha']
    state['v'] = v = alpha * state.get('v', 0) + (1 - alpha) * h * h
    root = torch.where(v > 0, v, 1).sqrt() * (v > 0)
    state['b'] = b = group['momentum'] * state.get('b', 0) + h / (root + group['eps'])
    return theta - group['lr'] * b


def clipped(grads, max_norm=None, clip_value=None, **_):
    if clip_value is not None:
        return [g.clamp(-clip_value, clip_value) for g in grads]
    if max_norm is not None:
        norm = torch.cat([g.flatten() for g in grads]).norm()
        return [g * min(max_norm / (norm + 1e-6), 1) for g in grads]
    return grads


class Reference:
    """The same search, by autograd."""

    def __init__(self, loop, formula):
        self.loop, self.formula = loop, formula
        model = loop.runner.model
        self.params = [p.detach().clone() for p in model.parameters()]
        self.states = [{} for _ in self.params]
        policy = loop.policy
        self.alphas = [
            alpha.detach().clone().requires_grad_()
            for alpha in (policy.alpha_op, policy.alpha_total)
        ]
        rates = [policy.op_optimizer.lr, policy.total_optimizer.lr]
        self.adams = [
            torch.optim.Adam([alpha], rate, policy.op_optimizer.betas)
            for alpha, rate in zip(self.alphas, rates, strict=True)
        ]

    def groups(self):
        """Each parameter's group, as the real optimiser has it at this step."""
        wrapper = self.loop.runner.optim_wrapper
        found = {
            id(p): group
            for group in wrapper.optimizer.param_groups
            for p in group['params']
        }
        return [found[id(p)] for p in self.loop.runner.model.parameters()]

    def gradient(self, batch):
        params = [p.clone().requires_grad_() for p in self.params]
        loss = loss_at(self.loop.runner.model, params, batch)
        found = torch.autograd.grad(loss, params, allow_unused=True)
        return [
            torch.zeros_like(p) if g is None else g
            for p, g in zip(params, found, strict=True)
        ]

    def step(self, views, policies, val_batch, base_lr):
        alpha_op, alpha_total = self.alphas
        grads = [self.gradient(view) for view in views]
        probs = alpha_op.softmax(0)[policies].prod(1)
        weights = alpha_total.sigmoid() * probs / probs.sum().detach()
        mixed = [
            (1 - weights.sum()) * plain + sum(map(torch.mul, weights, others))
            for plain, *others in zip(*grads, strict=True)
        ]
        mixed = clipped(
            mixed, **(self.loop.runner.optim_wrapper.clip_grad_kwargs or {})
        )
        stepped = [
            self.formula(*of_param)
            for of_param in zip(
                self.params, mixed, self.states, self.groups(), strict=True
            )
        ]
        loss = loss_at(self.loop.runner.model, stepped, val_batch)
        found = torch.autograd.grad(loss, [*self.alphas, weights])
        for alpha, adam, grad in zip(self.alphas, self.adams, found, strict=False):
            alpha.grad = grad * base_lr / found[-1].abs().sum()
            adam.step()
        self.params = [p.detach() for p in stepped]
        for state in self.states:
            state.update({k: v.detach() for k, v in state.items() if k != 't'})


@MODELS.register_module()
class ToyTransformer(ImageClassifier):
    """A vision transformer of two layers, on 8 x 8 pixels in float64."""

    def __init__(self, norm, dtype):
        arch = {'embed_dims': 8, 'num_layers': 2, 'num_heads': 2}
        arch['feedforward_channels'] = 16
        with DefaultScope.overwrite_default_scope('mmpretrain'):
            super().__init__(
                dict(type='VisionTransformer', arch=arch, img_size=8, patch_size=4),
                head={'type': 'LinearClsHead', 'num_classes': 3, 'in_channels': 8},
                data_preprocessor=BaseDataPreprocessor(),
            )
        self.to(getattr(torch, dtype))

    def forward(self, inputs, labels, mode='tensor'):
        features = self.backbone(inputs.double() / 255)
        scores = self.head.fc(features[-1])
        return {'loss': torch.nn.functional.cross_entropy(scores, labels)}


ADAMW = dict(type='AdamW', lr=0.01, weight_decay=0.05)
ADAM = dict(type='Adam', lr=0.01, betas=(0.8, 0.99), weight_decay=0.05)
RMSPROP = dict(type='RMSprop', lr=0.01, alpha=0.9, eps=0.03, weight_decay=0.01)
BY_NORM, BY_VALUE = dict(max_norm=0.05), dict(type='value', clip_value=0.02)
CASES = {
    'adamw': (adamw, dict(optimizer=ADAMW)),
    'adam with L2': (adam, dict(optimizer=ADAM)),
    'rmsprop': (rmsprop, dict(optimizer=RMSPROP)),
    'rmsprop with momentum': (rmsprop, dict(optimizer={**RMSPROP, 'momentum': 0.9})),
    'nesterov': (sgd, dict(optimizer={**SGD, 'nesterov': True})),
    'adamw by norm': (adamw, dict(optimizer=ADAMW, clip_grad=BY_NORM)),
    'adam by value': (adam, dict(optimizer=ADAM, clip_grad=BY_VALUE)),
    'rmsprop by norm': (rmsprop, dict(optimizer=RMSPROP, clip_grad=BY_NORM)),
    'adamw with groups': (adamw, dict(optimizer=ADAMW, **GROUPS)),
    'adam with groups': (adam, dict(optimizer=ADAM, clip_grad=BY_NORM, **GROUPS)),
    'adamw with layer decay': (
        adamw,
        dict(
            optimizer=ADAMW,
            constructor='mmpretrain.LearningRateDecayOptimWrapperConstructor',
            paramwise_cfg=dict(layer_decay_rate=0.65, flat_decay_mult=0.0),
            model='ToyTransformer',
        ),
    ),
}
STEPS = 10


@pytest.mark.parametrize('name', CASES)
def test_search_equals_autograd_through_ten_updates(tmp_path, name, monkeypatch):
    monkeypatch.setattr(update, 'SIGN_STEPS', 0)
    formula, settings = CASES[name]
    loop = build_loop(tmp_path, **settings)
    reference = Reference(loop, formula)
    batches, val_batches = iter(loop.dataloader), iter(loop.val_loader)
    for number in range(1, STEPS + 1):
        batch = next(batches, None)
        if batch is None:
            batches = iter(loop.dataloader)
            batch = next(batches)
        step = batch['views'], batch['policies'], next(val_batches)
        loop.search_step(*step)
        reference.step(*step, loop.step_log._records[-1].base_lr)  # it only scales
        if number in (1, STEPS):
            found = [loop.policy.alpha_op, loop.policy.alpha_total]
            found += [alpha.grad for alpha in found]
            found += loop.runner.model.parameters()
            expected = [*reference.alphas, *(a.grad for a in reference.alphas)]
            expected += reference.params
            for one, other in zip(found, expected, strict=True):
                assert (one - other).norm() <= 1e-9 * other.norm()


def test_derivative_where_no_gradient_has_been_is_the_limit():
    """Adam's first step is ``h / (|h| + eps)``; here its difference around zero."""
    zero, small = torch.zeros(1), 1e-12
    state = dict(step=torch.ones(()), exp_avg=zero, exp_avg_sq=zero)
    vector, group = torch.ones(1), dict(betas=(0.9, 0.999), eps=1e-8)
    expected = 2 * small / (small + 1e-8) / (2 * small)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(update, 'SIGN_STEPS', 0)
        update.answer_of_adam([vector], [zero], [state], group)
    assert vector.item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize('optimizer', [ADAMW, RMSPROP])
def test_policy_learns_from_the_second_step_on(tmp_path, optimizer):
    loop = build_loop(tmp_path, optimizer=optimizer)
    val_batches, seen = iter(loop.val_loader), []
    for batch in loop.dataloader:
        loop.search_step(batch['views'], batch['policies'], next(val_batches))
        seen.append(loop.policy.alpha_op.detach().clone())
    assert [bool(alpha.any()) for alpha in seen] == [False, True, True]


GUARDED = ('adamw with groups', 'adam by value', 'rmsprop with momentum', 'nesterov')


def tensors_of(loop):
    """Everything that a step changes, by name."""
    found = dict(loop.runner.model.named_parameters())
    for i, state in enumerate(loop.runner.optim_wrapper.optimizer.state.values()):
        found |= {f'{i} {name}': torch.as_tensor(v) for name, v in state.items()}
    return {name: tensor.detach().clone() for name, tensor in found.items()}


@pytest.mark.parametrize('first', [True, False])
@pytest.mark.parametrize('name', GUARDED)
def test_step_that_is_not_finite_leaves_parameters_and_moments(tmp_path, name, first):
    loop = build_loop(tmp_path, **CASES[name][1])
    batches, val_batches = iter(loop.dataloader), iter(loop.val_loader)
    if not first:
        batch = next(batches)
        loop.search_step(batch['views'], batch['policies'], next(val_batches))
    before, alpha = tensors_of(loop), loop.policy.alpha_op.detach().clone()
    batch = next(batches)
    batch['views'][2]['inputs'] = batch['views'][2]['inputs'] * float('nan')
    told = []
    loop.step_log.logger.warning = told.append
    loop.search_step(batch['views'], batch['policies'], next(val_batches))
    loop.step_log.read()
    after = tensors_of(loop)
    for key, tensor in after.items():
        assert torch.equal(tensor, before.get(key, torch.zeros_like(tensor))), key
    assert torch.equal(loop.policy.alpha_op, alpha)
    assert len(told) == 1
    assert told[0].count('policy ') == 2  # only the broken one is named
