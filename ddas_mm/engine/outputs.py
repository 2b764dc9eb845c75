"""What the log is told of a search: losses and signal, the policy, speed."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import RuntimeInfoHook
from mmengine.logging import MessageHub
from mmengine.runner import Runner

from ddas_mm.core import PolicyParams


def take_over_log(runner: Runner) -> None:
    """Leave the log of losses to :func:`log_steps`.

    MMEngine's own hook would wait for each loss of each step.
    """
    for hook in runner.hooks:
        if isinstance(hook, RuntimeInfoHook):
            hook.after_train_iter = _nothing


def _nothing(*_: Any, **__: Any) -> None:
    pass


def log_steps(runner: Runner) -> None:
    """Give the log the values of the steps since the last call; waits for the device.

    Raises:
        SearchFailed: If too many steps in a row were not finite.
    """
    loop, hub = runner.train_loop, runner.message_hub
    *before, last = loop.step_log.read()
    policy, speed = _policy_values(loop.policy), _speed(hub, len(before) + 1)
    for values in (*before, {**last, **policy, **speed}):
        hub.update_scalars({f'train/{name}': value for name, value in values.items()})


def _policy_values(policy: PolicyParams) -> dict[str, float]:
    """Return p_tp, and the greatest and the spread of p_o."""
    op_probs = policy.op_probs.detach()
    return {
        'ddas/total_prob': policy.total_prob.item(),
        'ddas/top_prob': op_probs.max().item(),
        'ddas/entropy': torch.special.entr(op_probs).sum().item(),
    }


def _speed(hub: MessageHub, steps: int) -> dict[str, float]:
    """Return steps per second and the share of data wait, over the last steps."""
    scalars = hub.log_scalars
    if 'train/time' not in scalars:  # of the steps before: IterTimerHook is to come
        return {}
    seconds = scalars['train/time'].mean(steps)
    waited = scalars['train/data_time'].mean(steps)
    return {
        'ddas/steps_per_s': 1 / seconds,
        'ddas/data_wait': min(waited / seconds, 1.0),
    }
