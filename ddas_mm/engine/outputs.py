"""What the log is told of a search: losses and signal, the policy, speed."""

from __future__ import annotations

import torch
from mmengine.logging import MessageHub
from mmengine.runner import Runner

from ddas_mm.core import PolicyParams


def read_outputs(runner: Runner) -> dict[str, float]:
    """Return the last step's values, and give the log those of the steps before.

    Raises:
        SearchFailed: If too many steps in a row were not finite.
    """
    loop, hub = runner.train_loop, runner.message_hub
    *before, last = loop.step_log.read()
    for values in before:
        for name, value in values.items():
            hub.update_scalar(f'train/{name}', value)
    return {**last, **_policy_values(loop.policy), **_speed(hub, len(before) + 1)}


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
