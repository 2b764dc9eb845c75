"""What the steps of a search tell, read when the log is due."""

import math
from dataclasses import dataclass
from logging import Logger
from typing import Any

import numpy as np
import torch
from mmengine.hooks import RuntimeInfoHook
from mmengine.logging import MessageHub
from mmengine.runner import Runner
from numpy.typing import NDArray
from torch import Tensor

from ddas_mm.errors import SearchFailed
from ddas_mm.policy import SearchSpace, alignment_signal

SIGNALS = ('ddas/alignment', 'ddas/helped')  # zero in steps that are skipped
SKIPPED = 'ddas/skipped'


@dataclass(frozen=True)
class StepRecord:
    """Results of one step, still on the device.

    Attributes:
        number: The step, from 1.
        policies: (L, N_o) int64 candidate indices.
        base_lr: ``eta_0``, the largest learning rate of the parameter groups.
        grad_norm: () norm of the mixed gradient, not finite where a view's is not.
        alignments: (L,) ``d_l`` (Eq. 13 to 15).
        losses: What the model says of ``D_0``.
    """

    number: int
    policies: Tensor
    base_lr: float
    grad_norm: Tensor
    alignments: Tensor
    losses: dict[str, Tensor]


class StepLog:
    """Keeps the records of steps, and counts the steps without a policy update.

    Policies and alignments of steps that updated the policy are kept for good: of
    20,000 steps with L = 3 and N_o = 2 these are 720 kB in a checkpoint.

    To read a number the host has to wait for the device, so it reads them together,
    every ``interval`` steps. A fault is told then; it did no harm in between, as the
    device has left out the step by itself.

    Args:
        space: The search space, for the names of policies.
        max_skipped: Non-finite steps in a row before the search stops.
        logger: Where faults are told.
    """

    def __init__(self, space: SearchSpace, max_skipped: int, logger: Logger) -> None:
        self.space, self.max_skipped, self.logger = space, max_skipped, logger
        self.skipped_steps = 0
        self.skipped_in_a_row = 0
        self._records: list[StepRecord] = []
        self._policies: list[NDArray[np.int16]] = []
        self._alignments: list[NDArray[np.float64]] = []

    def add(self, record: StepRecord) -> None:
        """Keep a record until :meth:`read`."""
        self._records.append(record)

    def read(self) -> list[dict[str, float]]:
        """Return the values of every step since the last call, for the log.

        Raises:
            SearchFailed: If too many steps in a row were not finite.
        """
        records, self._records = self._records, []
        return [self._read(record) for record in records]

    @property
    def history(self) -> dict[str, Any]:
        """``policies`` (T, L, N_o) and ``alignments`` (T, L) of steps that counted."""
        steps, depth = len(self._policies), self.space.depth
        number = self._policies[0].shape[0] if steps else 1
        return {
            'policies': np.reshape(self._policies, (steps, number, depth)),
            'alignments': np.reshape(self._alignments, (steps, number)),
        }

    def state_dict(self) -> dict[str, Any]:
        """Return the counts, and the history."""
        return {
            'skipped_steps': self.skipped_steps,
            'skipped_in_a_row': self.skipped_in_a_row,
            'history': self.history,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up a state of :meth:`state_dict`."""
        self.skipped_steps = state['skipped_steps']
        self.skipped_in_a_row = state['skipped_in_a_row']
        self._policies = list(state['history']['policies'])
        self._alignments = list(state['history']['alignments'])

    def _read(self, record: StepRecord) -> dict[str, float]:
        alignments: list[float] = record.alignments.tolist()
        signal = 0.0, 0.0  # of a step that is skipped
        stepped = math.isfinite(record.grad_norm.item())
        if stepped and all(map(math.isfinite, alignments)):
            self.skipped_in_a_row = 0
            signal = alignment_signal(record.alignments, record.base_lr)
            if any(alignments):
                policies = np.array(record.policies.tolist(), np.int16)
                self._policies.append(policies)
                self._alignments.append(np.array(alignments))
            else:  # nothing to learn from
                self.skipped_steps += 1
        elif stepped:  # the network's step is kept: nothing is rolled back
            self._skip(record, 'the loss or the gradient of S_val')
        else:
            what = 'the loss or the gradient of a view'
            self._skip(record, f'{what} ({self._broken(record.policies, alignments)})')
        losses = {name: value.item() for name, value in record.losses.items()}
        signals = dict(zip(SIGNALS, signal, strict=True))
        return {**losses, **signals, SKIPPED: self.skipped_steps}

    def _skip(self, record: StepRecord, what: str) -> None:
        self.skipped_steps += 1
        self.skipped_in_a_row += 1
        message = f'step {record.number}: {what} is not finite'
        self.logger.warning(f'{message}; the policy is left as it was')
        if self.skipped_in_a_row > self.max_skipped:
            raise SearchFailed(
                f'{message}, for {self.skipped_in_a_row} steps in a row, more than '
                f'train_cfg.max_skipped={self.max_skipped}; lower the learning rate, '
                'clip gradients (optim_wrapper.clip_grad), or take the operation out '
                'of train_cfg.space'
            )

    def _broken(self, policies: Tensor, alignments: list[float]) -> str:
        """Name the views that are not finite on some rank.

        The alignment of a policy tells (they are averaged over ranks): it is not finite
        where ``g_l`` is not, and none is where ``g_0`` is not.
        """
        names = [
            'policy ' + ' + '.join(self.space.labels[k] for k in policy)
            for policy in policies.tolist()
        ]
        finite = map(math.isfinite, alignments)
        broken = [n for n, good in zip(names, finite, strict=True) if not good]
        if len(broken) < len(names):
            return '; '.join(broken)
        return 'the view that is not augmented, or each of ' + '; '.join(names)


def take_over_log(runner: Runner) -> None:
    """Leave the log of losses to :func:`log_steps`.

    MMEngine's own hook would wait for each loss of each step.
    """
    for hook in runner.hooks:
        if isinstance(hook, RuntimeInfoHook):
            hook.after_train_iter = lambda *_, **__: None


def log_steps(runner: Runner) -> None:
    """Give the log the values of the steps since the last call; waits for the device.

    Raises:
        SearchFailed: If too many steps in a row were not finite.
    """
    loop, hub = runner.train_loop, runner.message_hub
    *before, last = loop.step_log.read()
    op_probs = loop.policy.op_probs.detach()
    policy = {
        'ddas/total_prob': loop.policy.total_prob.item(),
        'ddas/top_prob': op_probs.max().item(),
        'ddas/entropy': torch.special.entr(op_probs).sum().item(),
    }
    speed = _speed(hub, len(before) + 1)
    for values in (*before, {**last, **policy, **speed}):
        hub.update_scalars({f'train/{name}': value for name, value in values.items()})


def _speed(hub: MessageHub, steps: int) -> dict[str, float]:
    """Return steps per second and the share of data wait, over the last steps."""
    scalars = hub.log_scalars
    if 'train/time' not in scalars:  # of the steps before: IterTimerHook is to come
        return {}
    seconds = scalars['train/time'].mean(steps)
    waited = scalars['train/data_time'].mean(steps) / seconds
    return {'ddas/steps_per_s': 1 / seconds, 'ddas/data_wait': min(waited, 1.0)}
