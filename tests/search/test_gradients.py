"""The whole search step against autograd through the optimiser's update (float64)."""

import pytest
import torch

from ddas_mm.errors import SettingError
from ddas_mm.search.checks import check_model
from ddas_mm.search.gradients import compute_loss
from tests import toy

RATE = 0.05  # of parameters that have no rate of their own
RATES = {'conv': 0.05, 'head': 0.2}


def build_loop(tmp_path, rates=RATES, **changes):
    """A loop with a float64 model, momentum, weight decay and two learning rates."""
    keys = {name: dict(lr_mult=rate / RATE) for name, rate in rates.items()}
    options = {
        'model.norm': False,
        'model.dtype': 'float64',
        'optim_wrapper.paramwise_cfg': dict(custom_keys=keys),
        'optim_wrapper.optimizer.lr': RATE,
        'optim_wrapper.optimizer.nesterov': False,
        **changes,
    }
    runner = toy.build_runner(tmp_path, **options)
    loop = runner.build_train_loop(runner._train_loop)
    runner._train_loop = loop
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    loop.prepare()
    return loop


def loss_at(model, params, batch):
    """The model's loss as a function of its parameters."""
    names = [name for name, _ in model.named_parameters()]
    values = dict(zip(names, params, strict=True))
    data = {**batch, 'mode': 'loss'}
    return torch.func.functional_call(model, values, (), data)['loss']


def unrolled(loop, batch, val_batch, rates):
    """d loss(V, after the step) / d (alpha_op, alpha_total), and sum |d_l|."""
    model, policy = loop.runner.model, loop.policy
    params = [p.detach().clone().requires_grad_() for p in model.parameters()]
    grads = []
    for view in batch['views']:
        loss = loss_at(model, params, view)
        found = torch.autograd.grad(loss, params, allow_unused=True)
        grads.append(
            [
                torch.zeros_like(p) if g is None else g
                for p, g in zip(params, found, strict=True)
            ]
        )
    alpha_op = policy.alpha_op.detach().clone().requires_grad_()
    alpha_total = policy.alpha_total.detach().clone().requires_grad_()
    op_probs = alpha_op.softmax(0)
    probs = torch.stack([op_probs[p[0]] * op_probs[p[1]] for p in batch['policies']])
    weights = alpha_total.sigmoid() * probs / probs.sum().detach()
    stepped = []
    state = loop.runner.optim_wrapper.optimizer.state
    real = dict(model.named_parameters())
    for i, (name, param) in enumerate(real.items()):
        mixed = (1 - weights.sum()) * grads[0][i]
        mixed = mixed + sum(w * g[i] for w, g in zip(weights, grads[1:], strict=True))
        momentum = state[param]['momentum_buffer'] if param in state else 0
        update = 0.9 * momentum + mixed + 1e-2 * params[i]
        rate = rates.get(name.partition('.')[0], RATE)
        stepped.append(params[i].detach() - rate * update)
    val_loss = loss_at(model, stepped, val_batch)
    return torch.autograd.grad(val_loss, [alpha_op, alpha_total, weights]), stepped


@pytest.mark.parametrize(
    'rates', [RATES, dict(conv=0.0, head=0.2), dict(conv=0.2, head=0.0)]
)
def test_search_step_equals_autograd_through_the_update(tmp_path, rates):
    loop = build_loop(tmp_path, rates)
    batches = list(loop.dataloader)
    val_batches = iter(loop.val_loader)
    loop.search_step(batches[0]['views'], batches[0]['policies'], next(val_batches))
    batch, val_batch = batches[1], next(val_batches)  # momentum is there by now
    (op_grad, total_grad, alignments), stepped = unrolled(loop, batch, val_batch, rates)
    plain = compute_loss(loop.runner.model, dict(batch['views'][0]))[0].item()
    loop.search_step(batch['views'], batch['policies'], val_batch)
    normaliser = alignments.abs().sum() / 0.2  # Z_g, eta_0 the largest rate
    exact = {'rtol': 1e-7, 'atol': 1e-12}
    found = loop.policy.alpha_op.grad, loop.policy.alpha_total.grad
    torch.testing.assert_close(found[0], op_grad / normaliser, **exact)
    torch.testing.assert_close(found[1], total_grad / normaliser, **exact)
    assert loop.step_log.read()[-1]['loss'] == pytest.approx(plain, rel=1e-12)
    for param, expected in zip(loop.runner.model.parameters(), stepped, strict=True):
        torch.testing.assert_close(param.detach(), expected.detach(), **exact)


def test_s_val_leaves_running_statistics_alone_and_views_update_them(tmp_path):
    loop = build_loop(tmp_path, **{'model.norm': True, 'model.dtype': 'float32'})
    norm = loop.runner.model.norm
    batch, val_batch = next(iter(loop.dataloader)), next(iter(loop.val_loader))
    loop.gradients.of_view(0, batch['views'][0])
    before = norm.running_mean.clone()
    assert before.any()
    loop.gradients.align(val_batch)
    assert torch.equal(norm.running_mean, before)
    assert norm.num_batches_tracked == 1
    assert norm.track_running_stats


def test_s_val_is_normalised_by_its_batch_as_in_training(tmp_path):
    loop = build_loop(tmp_path, **{'model.norm': True, 'model.dtype': 'float32'})
    model = loop.runner.model
    model.norm.running_mean.fill_(100.0)  # evaluation would show it
    batch = next(iter(loop.val_loader))
    expected = torch.autograd.grad(
        compute_loss(model, dict(batch))[0], model.conv.weight
    )[0]
    loop.gradients.align(batch)
    names = [name for name, p in model.named_parameters() if p.requires_grad]
    found = dict(zip(names, loop.gradients.grad.parts, strict=True))['conv.weight']
    torch.testing.assert_close(found / RATE, expected)


def test_views_and_s_val_are_preprocessed_as_in_training(tmp_path):
    loop, seen = build_loop(tmp_path), []
    preprocessor = loop.runner.model.data_preprocessor
    original = preprocessor.forward

    def forward(data, training=False):
        seen.append(training)
        return original(data, training)

    preprocessor.forward = forward
    batch = next(iter(loop.dataloader))
    loop.search_step(batch['views'], batch['policies'], next(iter(loop.val_loader)))
    assert seen == [True] * 5


def test_network_of_two_dtypes_is_refused():
    mixed = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Linear(1, 1).double())
    with pytest.raises(SettingError, match='must share one dtype'):
        check_model(mixed)
    mixed[1].requires_grad_(False)
    check_model(mixed)


def test_parameter_without_gradient_counts_as_zero(tmp_path):
    loop = build_loop(tmp_path, **{'optim_wrapper.optimizer.weight_decay': 0.0})
    unused = loop.runner.model.unused
    place = [p is unused for p in loop.gradients.params].index(True)
    batch = next(iter(loop.dataloader))
    loop.search_step(batch['views'], batch['policies'], next(iter(loop.val_loader)))
    assert not any(grad.parts[place].any() for grad in loop.gradients.view_grads)
    assert not unused.any()


def test_parameter_that_only_an_earlier_mini_batch_used_counts_as_zero(tmp_path):
    loop = build_loop(tmp_path)
    model, view = loop.runner.model, next(iter(loop.dataloader))['views'][1]
    place = [name for name, _ in model.named_parameters()].index('unused')
    forward = model.forward
    for uses in (1.0, 0.0):
        model.forward = forward
        if uses:
            model.forward = lambda **batch: {
                'loss': forward(**batch)['loss'] + model.unused.sum()
            }
        loop.gradients.of_view(1, dict(view))
        assert (loop.gradients.view_grads[1].parts[place] == uses).all()


@pytest.mark.parametrize('settings', [{}, {'optim_wrapper.clip_grad': {'max_norm': 1}}])
def test_hooks_find_no_gradient_after_a_step_as_in_a_training(tmp_path, settings):
    loop = build_loop(tmp_path, **settings)
    seen = []
    loop.runner.optim_wrapper.optimizer.register_step_pre_hook(
        lambda *_: seen.append([p.grad is None for p in loop.gradients.params])
    )
    batch = next(iter(loop.dataloader))
    loop.search_step(batch['views'], batch['policies'], next(iter(loop.val_loader)))
    assert not any(*seen)
    assert all(param.grad is None for param in loop.runner.model.parameters())


def test_frozen_parameters_are_left_alone(tmp_path):
    loop = build_loop(tmp_path)
    model = loop.runner.model
    model.conv.requires_grad_(False)
    loop.prepare()
    before = model.conv.weight.clone()
    batch = next(iter(loop.dataloader))
    loop.search_step(batch['views'], batch['policies'], next(iter(loop.val_loader)))
    assert torch.equal(model.conv.weight, before)


def test_policy_is_stepped_at_the_rates_of_the_config(tmp_path):
    """Adam's first step is its rate, whatever the gradient."""
    rates = {'train_cfg.op_lr': 0.03, 'train_cfg.total_lr': 0.002}
    loop = build_loop(tmp_path, **rates)
    policy, batch = loop.policy, next(iter(loop.dataloader))
    before = policy.alpha_total.item()
    loop.search_step(batch['views'], batch['policies'], next(iter(loop.val_loader)))
    steps = policy.alpha_op.abs().max().item(), abs(policy.alpha_total.item() - before)
    assert steps == pytest.approx((0.03, 0.002), rel=1e-4)


@pytest.mark.parametrize(('follows', 'expected'), [(True, 2), (False, 1)])
def test_policy_gradient_follows_the_rate_of_the_network_or_not(
    tmp_path, follows, expected
):
    """At rates so small that the network stays where it is, nothing else differs."""
    found = []
    for rate in (1e-7, 2e-7):
        loop = build_loop(
            tmp_path,
            rates={},
            **{
                'optim_wrapper.optimizer.lr': rate,
                'train_cfg.policy_follows_lr': follows,
            },
        )
        batch = next(iter(loop.dataloader))
        loop.search_step(batch['views'], batch['policies'], next(iter(loop.val_loader)))
        found.append(loop.policy.alpha_op.grad)
    torch.testing.assert_close(found[1], expected * found[0], rtol=1e-4, atol=0)


@pytest.mark.parametrize('where', ['plain view', 'policy 2', 's_val'])
def test_step_with_nan_is_skipped_counted_and_named(tmp_path, where):
    loop = build_loop(tmp_path)
    batch, val_batch = next(iter(loop.dataloader)), next(iter(loop.val_loader))
    broken = {'plain view': 0, 'policy 2': 2}
    target = batch['views'][broken[where]] if where in broken else val_batch
    target['inputs'] = target['inputs'].double()
    target['inputs'][0, 0, 0, 0] = float('nan')
    alpha = loop.policy.alpha_op.detach().clone()
    params = [p.detach().clone() for p in loop.runner.model.parameters()]
    warnings = []
    loop.step_log.logger.warning = warnings.append
    loop.search_step(batch['views'], batch['policies'], val_batch)
    loop.step_log.read()
    assert loop.step_log.skipped_steps == 1
    assert torch.equal(loop.policy.alpha_op.detach(), alpha)
    after = list(loop.runner.model.parameters())
    assert all(p.isfinite().all() for p in after)
    # only S_val's fault comes after the network's step
    assert all(map(torch.equal, after, params)) == (where != 's_val')
    policies = [
        'policy ' + ' + '.join(loop.space.labels[k] for k in policy)
        for policy in batch['policies']
    ]
    assert len(set(policies)) == 3
    named = {
        'plain view': 'the loss or the gradient of a view (the view that is not '
        f'augmented, or each of {"; ".join(policies)})',
        'policy 2': f'the loss or the gradient of a view ({policies[1]})',
        's_val': 'the loss or the gradient of S_val',
    }[where]
    expected = f'step 1: {named} is not finite; the policy is left as it was'
    assert warnings == [expected]


@pytest.mark.parametrize(
    'clip_grad', [dict(max_norm=0.05), dict(type='value', clip_value=0.02)]
)
def test_only_the_broken_policy_is_named_where_gradients_are_clipped(
    tmp_path, clip_grad
):
    loop = build_loop(tmp_path, **{'optim_wrapper.clip_grad': clip_grad})
    batch, val_batch = next(iter(loop.dataloader)), next(iter(loop.val_loader))
    batch['views'][2]['inputs'] = batch['views'][2]['inputs'] * float('nan')
    warnings = []
    loop.step_log.logger.warning = warnings.append
    loop.search_step(batch['views'], batch['policies'], val_batch)
    loop.step_log.read()
    broken = ' + '.join(loop.space.labels[k] for k in batch['policies'][1])
    (warning,) = warnings
    assert f'of a view (policy {broken}) is not finite' in warning


def test_too_many_skipped_steps_stop_the_search(tmp_path):
    loop = build_loop(tmp_path, **{'train_cfg.max_skipped': 2})
    batch, val_batch = next(iter(loop.dataloader)), next(iter(loop.val_loader))
    batch['views'][1]['inputs'] = batch['views'][1]['inputs'] * float('nan')
    step = (batch['views'], batch['policies'], val_batch)
    loop.search_step(*step)
    loop.search_step(*step)
    loop.step_log.read()
    loop.search_step(*step)
    with pytest.raises(
        RuntimeError, match=r'policy \w+.*3 steps in a row.*max_skipped=2'
    ):
        loop.step_log.read()
