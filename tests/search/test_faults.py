"""Numbers that are not finite: skipped on all ranks alike, counted, named, stopped."""

import os

import pytest
import torch
from mmengine.hooks import Hook

from ddas_mm.cli.run import build_runner
from tests import toy
from tests.ranks import run_ranks

NAN, INF = float('nan'), float('inf')
PARTS = ('alpha', 'network', 'statistics')
# step: where, and what is put there
PLAN = {2: (0, NAN), 4: (2, INF), 6: ('V', NAN), 8: ('loss', NAN), 10: ('V loss', INF)}
OPTIONS = {'train_cfg.max_epochs': 4, 'train_dataloader.batch_size': 2}


def spoil(batch, value):
    batch['inputs'] = batch['inputs'].float()
    batch['inputs'][0, 0, 0, 0] = value


class Fault(Hook):
    """Spoils a step on one rank, and records what the step did on every rank."""

    def __init__(self, rank):
        self.rank, self.active, self.count = rank, None, 0
        self.steps, self.warnings = [], []

    def before_train(self, runner):
        runner.logger.warning = self.warnings.append
        self.module = getattr(runner.model, 'module', runner.model)
        self.original = self.module.forward
        self.module.forward = self.loss_plus_constant

    def loss_plus_constant(self, *args, **kwargs):
        """The gradient stays finite: only the value of the loss does not."""
        losses = self.original(*args, **kwargs)
        where, value = self.active or (None, None)
        if (where, self.count) in (('loss', 1), ('V loss', 4)):
            losses['loss'] = losses['loss'] + value
        self.count += 1
        return losses

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        plan = PLAN.get(runner.iter) if runner.rank == self.rank else None
        self.active, self.count = plan, 0
        if plan is not None and isinstance(plan[0], int):
            spoil(data_batch['views'][plan[0]], plan[1])
        elif plan is not None and plan[0] == 'V':
            spoil(data_batch['val'], plan[1])
        self.before = self.state(runner)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        after = self.state(runner)
        changed = [
            not torch.equal(*pair) for pair in zip(self.before, after, strict=True)
        ]
        self.steps.append(
            {
                'changed': dict(zip(PARTS, changed, strict=True)),
                'skipped': runner.train_loop.step_log.skipped_steps,
                'finite': all(bool(values.isfinite().all()) for values in after),
                'policies': data_batch['policies'].tolist(),
                'state': [values.tolist() for values in after],
            }
        )

    def state(self, runner):
        policy, norm = runner.train_loop.policy, self.module.norm
        params = [p.detach().flatten() for p in self.module.parameters()]
        return (
            torch.cat([policy.alpha_op, policy.alpha_total.reshape(1)]).detach(),
            torch.cat(params),
            torch.cat([norm.running_mean, norm.running_var]),
        )


def search_with_faults(work_dir, rank):
    config = toy.search_config(work_dir, **OPTIONS)
    config.train_cfg.policy_dataloader.batch_size = 2
    config.launcher = 'none' if os.environ['WORLD_SIZE'] == '1' else 'pytorch'
    runner = build_runner(config)
    fault = Fault(rank)
    runner.register_hook(fault)
    runner.train()
    return fault.steps, fault.warnings


def check_steps(steps):
    for number, step in enumerate(steps):
        assert step['finite'], number
        assert step['skipped'] == sum(planned <= number for planned in PLAN), number
        where = PLAN.get(number, (None,))[0]
        assert step['changed']['alpha'] == (where is None), number
        # a fault of S_val is found after the network's step, which is kept
        kept = where in (None, 'V', 'V loss')
        assert step['changed']['network'] == kept, number
        assert step['changed']['statistics'] == kept, number


def check_warnings(warnings, steps):
    told = [text for text in warnings if 'is not finite' in text]
    assert [int(text.split()[1].rstrip(':')) - 1 for text in told] == list(PLAN)
    assert 'the view that is not augmented' in told[0]
    for text, step, policy in ((told[1], 4, 1), (told[3], 8, 0)):
        names = [toy.OPS[k] for k in steps[step]['policies'][policy]]
        named = text.partition('policy ')[2].split(')')[0].split(' + ')
        assert [name.split()[0] for name in named] == names
    for text in (told[2], told[4]):
        assert 'the gradient of S_val is not finite; the policy is left' in text


def test_faults_leave_no_trace_but_a_count(tmp_path):
    ((steps, warnings),) = run_ranks(1, search_with_faults, tmp_path, 0)
    check_steps(steps)
    check_warnings(warnings, steps)


@pytest.mark.dist
def test_fault_on_one_rank_of_two_is_skipped_on_both_alike(tmp_path):
    """Rank 1 meets the faults; rank 0, whose log one reads, names the policy."""
    (steps, warnings), (others, _) = run_ranks(2, search_with_faults, tmp_path, 1)
    check_steps(steps)
    check_steps(others)
    check_warnings(warnings, steps)
    for one, other in zip(steps, others, strict=True):
        assert one['state'][:2] == other['state'][:2]


class AlwaysNan(Hook):
    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.rank == 1 and runner.iter >= 1:
            spoil(data_batch['views'][3], NAN)


def search_that_stops(work_dir):
    options = {**OPTIONS, 'train_cfg.max_skipped': 2}
    config = toy.search_config(work_dir, launcher='pytorch', **options)
    runner = build_runner(config)
    runner.register_hook(AlwaysNan())
    try:
        runner.train()
    except RuntimeError as error:
        return str(error), runner.iter
    return None


@pytest.mark.dist
def test_too_many_faults_stop_all_ranks_with_the_policy(tmp_path):
    first, second = run_ranks(2, search_that_stops, tmp_path)
    assert first == second
    message, steps = first
    assert steps == 3
    assert 'policy ' in message
    assert '3 steps in a row, more than train_cfg.max_skipped=2' in message
