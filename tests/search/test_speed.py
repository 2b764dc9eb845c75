"""What makes steps fast: no waiting, memory layout, compilation, little memory."""

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.registry import HOOKS, MODELS
from mmengine.runner import Runner
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from ddas_mm.search.update import FUSED
from tests import toy

WAITING = ('_local_scalar_dense', 'nonzero', 'masked_select', 'is_nonzero', 'equal')


class CountWaiting(TorchDispatchMode):
    """Counts the operations for whose result the host would wait on a GPU."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in WAITING:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def waits_of_steps(tmp_path, **changes):
    """What every step between the runner's hooks, those included, waited for."""
    options = {'default_hooks.logger.interval': 2, **changes}
    runner = toy.build_runner(tmp_path, **options)
    loop = runner._train_loop = runner.build_train_loop(runner._train_loop)
    original, found = loop.run_iter, []

    def counted(idx, batch):
        with CountWaiting() as counter:
            original(idx, batch)
        found.append(len(counter.found))

    loop.run_iter = counted
    runner.train()
    return found


ADAMW = {'optim_wrapper.optimizer': dict(type='AdamW', lr=0.01, _delete_=True)}


# An AdamW that is not fused counts its steps on the host.
@pytest.mark.parametrize('optimizer', [{}, ADAMW] if FUSED else [{}])
def test_host_waits_only_where_numbers_are_logged(tmp_path, optimizer):
    found = waits_of_steps(tmp_path, **optimizer)
    always = 0 if FUSED else 1  # older torch: may the network step at all?
    assert found[::3] == [always] * 2  # 3 an epoch
    assert min(found[1::3] + found[2::3]) > always


def test_values_of_steps_between_logs_reach_the_history(tmp_path):
    each = toy.build_runner(tmp_path / 'a')
    each.train()
    seldom = toy.build_runner(tmp_path / 'b', **{'default_hooks.logger.interval': 100})
    seldom.train()
    for name in ('train/loss', 'train/ddas/skipped'):
        one, other = (r.message_hub.get_scalar(name).data[0] for r in (each, seldom))
        assert len(one) == 6
        assert one.tolist() == other.tolist()


@HOOKS.register_module()
class KeepOutputs(Hook):
    def before_run(self, runner):
        self.seen = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.seen.append(outputs)


@pytest.mark.parametrize('interval', [1, 2, 100])
def test_hooks_get_the_tensors_that_mmengine_gives_at_every_step(tmp_path, interval):
    options = {'default_hooks.logger.interval': interval}
    config = toy.search_config(tmp_path, **options)
    config.custom_hooks += [
        dict(type='KeepOutputs'),
        dict(type='mmdet.CheckInvalidLossHook', interval=1),
    ]
    runner = Runner.from_cfg(config)
    runner.train()
    (seen,) = (hook.seen for hook in runner.hooks if isinstance(hook, KeepOutputs))
    batch = next(iter(runner.train_loop.dataloader))['views'][0]
    _, expected = runner.model.parse_losses(runner.model(**batch, mode='loss'))
    for outputs in seen:
        assert outputs.keys() == expected.keys()
        assert all(isinstance(value, torch.Tensor) for value in outputs.values())
    logged = runner.message_hub.get_scalar('train/loss').data[0]
    assert [outputs['loss'].item() for outputs in seen] == logged.tolist()


def test_a_hook_that_checks_losses_ends_a_search_whose_loss_is_infinite(tmp_path):
    config = toy.search_config(tmp_path, **{'optim_wrapper.optimizer.lr': 1e30})
    config.custom_hooks.append(dict(type='mmdet.CheckInvalidLossHook', interval=1))
    with pytest.raises(AssertionError):
        Runner.from_cfg(config).train()


def test_log_tells_speed_and_data_wait(tmp_path):
    runner = toy.build_runner(tmp_path)
    runner.train()
    scalars = runner.message_hub.log_scalars
    assert scalars['train/ddas/steps_per_s'].current() > 0
    assert 0 <= scalars['train/ddas/data_wait'].current() <= 1


def prepared(tmp_path, **changes):
    runner = toy.build_runner(tmp_path, **changes)
    loop = runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    torch.manual_seed(0)
    runner.model.init_weights()
    with torch.no_grad():
        for param in runner.model.parameters():
            param.normal_(std=0.2)
    loop.prepare()
    return loop


def state_after_steps(loop):
    val_batches = iter(loop.val_loader)
    for batch in loop.dataloader:
        loop.search_step(batch['views'], batch['policies'], next(val_batches))
    return [*loop.runner.model.parameters(), loop.policy.alpha_op]


DOUBLE = {'model.dtype': 'float64', 'model.norm': False}
FASTER = {
    'channels_last': {'train_cfg.channels_last': True},
    'compile': {'train_cfg.compile': True},
}


@pytest.mark.parametrize(
    'name', ['channels_last', pytest.param('compile', marks=pytest.mark.slow)]
)
def test_faster_ways_give_the_same_search(tmp_path, name):
    """Clipping by value meets single entries: layouts must not be mixed up."""
    options = {
        **DOUBLE,
        'optim_wrapper.clip_grad': dict(type='value', clip_value=0.02),
        'train_cfg.channels_last': False,
    }
    plain = state_after_steps(prepared(tmp_path / 'a', **options))
    faster = prepared(tmp_path / 'b', **{**options, **FASTER[name]})
    for found, expected in zip(state_after_steps(faster), plain, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


# An AdamW that is not fused counts its steps on the host.
@pytest.mark.parametrize('optimizer', [{}, ADAMW] if FUSED else [{}])
def test_channels_last_reaches_weights_gradients_states_and_images(tmp_path, optimizer):
    loop = prepared(tmp_path, **optimizer)
    model, seen = loop.runner.model, []
    model.conv.register_forward_pre_hook(lambda layer, args: seen.append(args[0]))
    state_after_steps(loop)
    weight = model.conv.weight
    states = loop.runner.optim_wrapper.optimizer.state[weight]
    place = [p is weight for p in loop.gradients.params].index(True)
    grad = loop.gradients.grad.parts[place]
    own = [value for name, value in states.items() if name != 'step']
    assert len(own) == (2 if optimizer else 1)
    for tensor in (weight, grad, *own, *seen):
        assert tensor.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize('amp', [True, False])
def test_amp_computes_losses_in_bfloat16(tmp_path, amp):
    loop, seen = prepared(tmp_path, **{'train_cfg.amp': amp}), set()
    loop.runner.model.conv.register_forward_hook(lambda *args: seen.add(args[2].dtype))
    state_after_steps(loop)
    assert seen == {torch.bfloat16 if amp else torch.float32}


@pytest.mark.slow
def test_bfloat16_and_compile_go_together(tmp_path):
    options = {'train_cfg.compile': True, 'train_cfg.amp': True}
    loop = prepared(tmp_path, **options)
    before = loop.policy.alpha_op.detach().clone()
    state_after_steps(loop)
    loop.step_log.read()
    assert loop.step_log.skipped_steps == 0
    assert not torch.equal(before, loop.policy.alpha_op)


SIDE = 700


@MODELS.register_module()
class WideToyModel(BaseModel):
    """Many parameters and few activations."""

    def __init__(self):
        super().__init__(BaseDataPreprocessor())
        self.layers = nn.Sequential(
            nn.Linear(3 * toy.SIDE**2, SIDE),
            nn.Tanh(),
            nn.Linear(SIDE, SIDE),
            nn.Tanh(),
            nn.Linear(SIDE, SIDE),
            nn.Tanh(),
            nn.Linear(SIDE, toy.CLASSES),
        )

    def forward(self, inputs, labels, mode='tensor'):
        x = self.layers(inputs.flatten(1).float() / 255)
        return {'loss': nn.functional.cross_entropy(x, labels)}


def peak_bytes(function):
    """The most memory that tensors of the call have taken at a time."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        function()
    events = profiler.profiler.kineto_results.events()
    memory = [event for event in events if event.name() == '[memory]']
    exact = hasattr(torch._C._autograd._KinetoEvent, 'start_ns')  # not in torch 2.1
    now = peak = 0
    for event in sorted(memory, key=lambda e: e.start_ns() if exact else e.start_us()):
        now += event.nbytes()
        peak = max(peak, now)
    return peak


def wide_config(work_dir):
    return toy.search_config(work_dir, **{'model.type': 'WideToyModel'})


def train(model, batches):
    """Ordinary training of one batch a step."""
    settings = dict(lr=0.01, momentum=0.9, weight_decay=1e-2)
    optimizer = torch.optim.SGD(model.parameters(), **settings)
    for batch in batches:
        model(**batch, mode='loss')['loss'].backward()
        optimizer.step()
        optimizer.zero_grad()


def test_memory_is_that_of_training_and_a_gradient_per_view_and_s_val(tmp_path):
    runner = Runner.from_cfg(wide_config(tmp_path))
    loop = runner._train_loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    data = list(loop.dataloader)
    val_batches = [batch for batch, _ in zip(loop.val_loader, data, strict=False)]
    model = MODELS.build(Config(dict(type='WideToyModel')))
    size = 4 * sum(p.numel() for p in model.parameters())
    ordinary = peak_bytes(lambda: train(model, [d['views'][0] for d in data]))

    def search():
        loop.prepare()
        for batch, val in zip(data, val_batches, strict=True):
            loop.search_step(batch['views'], batch['policies'], val)

    whole = ordinary + size  # with the parameters, which were there before
    assert size + peak_bytes(search) <= 1.1 * whole + (loop.num_policies + 2) * size
    assert ordinary > 2 * size  # gradients and momentum, or nothing was counted
