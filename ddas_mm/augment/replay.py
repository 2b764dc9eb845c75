"""A training with a policy: progress to the workers, rows and counts to the log."""

import gc
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import torch
from mmengine.dataset import InfiniteSampler
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import IterBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from ddas_mm.augment.progress import CLOCK, number_batches
from ddas_mm.augment.transform import DDASAugment
from ddas_mm.errors import SettingError
from ddas_mm.policy import PolicySchedule, policy_to_dict

REPORTS = 20  # of an iteration-based training, besides those at changes of the row


@dataclass(eq=False)
class PolicyInUse:
    """One policy of the running pipeline, and the transforms that have it.

    Attributes:
        schedule: The policy.
        steps: Its transforms: one per data set, say.
        row: Row that the log named last, or None.
        ran: Whether any image came through them.
    """

    schedule: PolicySchedule
    steps: list[DDASAugment] = field(default_factory=list)
    row: int | None = None
    ran: bool = False


class Replay(Hook):
    """DDASHook's part in a training."""

    def before_train(self, runner: Runner) -> None:
        """Find the policies, before the loop asks for data.

        Raises:
            SettingError: If no image would be augmented.
        """
        self._log = runner.logger
        self._hub = runner.message_hub
        self._loop = loop = runner.train_loop
        self._by_iter = isinstance(loop, IterBasedTrainLoop)
        self._total = loop.max_iters if self._by_iter else loop.max_epochs
        ahead = self._by_iter and isinstance(loop.dataloader, DataLoader)
        if ahead:
            _prepare_workers(loop)
        CLOCK.reset()
        self._policies: list[PolicyInUse] = []
        self._find_policies()
        if not self._policies:
            raise SettingError(
                'custom_hooks has a DDASHook, but no DDASAugment with a policy is in '
                "the running pipeline: set dict(type='ddas_mm.DDASAugment', "
                'policy=...) in train_dataloader.dataset.pipeline, which does not '
                'follow a changed train_pipeline by itself'
            )
        validation = runner.val_loop
        if validation is not None and find_augments(validation.dataloader.dataset):
            self._log.warning(
                'DDAS: the pipeline of val_dataloader holds a DDASAugment: validation '
                'images are augmented, and its figures are not those of the plain ones'
            )
        for policy in self._policies:
            for step in policy.steps:
                step.counts.take()  # an earlier training's
        self.before_train_epoch()
        if ahead:  # only now is there a clock that workers can follow
            loop.dataloader_iterator = type(loop.dataloader_iterator)(loop.dataloader)

    def before_train_epoch(self, *_: Any) -> None:
        """Tell the workers the loop's step, before they are asked for its data."""
        step = self._loop.iter if self._by_iter else self._loop.epoch
        CLOCK.set(step, self._total)
        self._name_rows(step)

    def before_train_iter(self, *_: Any, batch_idx: int, **__: Any) -> None:
        """See at an epoch's begin whether another hook has switched the pipeline."""
        if self._by_iter or batch_idx > 0:
            return
        had = bool(self._policies)
        self._find_policies()
        self._name_rows(self._loop.epoch)
        if had and not self._policies:
            self._log.warning(
                f'DDAS: from epoch {self._loop.epoch + 1} on no image is augmented: '
                'the pipeline was switched to one without DDASAugment'
            )

    def after_train_iter(self, *_: Any, **__: Any) -> None:
        """Go on by one iteration, and log counts now and then."""
        if not self._by_iter:
            return
        done = self._loop.iter + 1
        CLOCK.set(done, self._total)
        ends = done == self._total
        rows = [p.schedule.row_index(done, self._total) for p in self._policies]
        changes = rows != [policy.row for policy in self._policies]
        if ends or changes or done % max(self._total // REPORTS, 1) == 0:
            self._report()
        if not ends:
            self._name_rows(done)

    def after_train_epoch(self, *_: Any) -> None:
        """Log how many images were augmented."""
        if not self._by_iter:
            self._report()

    def after_train(self, *_: Any) -> None:
        """Stop the clock."""
        CLOCK.reset()

    def _report(self) -> None:
        """Log how many images were augmented since the last report."""
        for policy in self._policies:
            counts = torch.stack([step.counts.take() for step in policy.steps]).sum(0)
            all_reduce(counts)
            (seen, augmented), label = counts.tolist(), self._label(policy)
            policy.ran |= seen > 0
            if seen:
                expected = policy.schedule.total_prob[policy.row or 0]
                self._log.info(
                    f'{label}{augmented} of {seen} images augmented '
                    f'({augmented / seen:.1%}), p_tp {expected:.4f}'
                )
            # Between two iterations the workers may have had nothing to do.
            elif not self._by_iter or not policy.ran:
                self._log.warning(
                    f'{label}no image came through DDASAugment; look at what '
                    'decides in the pipeline whether it runs'
                )

    def _label(self, policy: PolicyInUse) -> str:
        if len(self._policies) == 1:
            return 'DDAS: '
        number = self._policies.index(policy) + 1
        return f'DDAS: policy {number} of {len(self._policies)}: '

    def _find_policies(self) -> None:
        known = {_key(policy.schedule): policy for policy in self._policies}
        for policy in self._policies:
            policy.steps = []
        for step in find_augments(self._loop.dataloader.dataset):
            if step.schedule is None:
                raise SettingError(
                    'a DDASAugment in train_dataloader.dataset.pipeline has no policy: '
                    'give it policy=<dict or policy.json>'
                )
            policy = known.setdefault(_key(step.schedule), PolicyInUse(step.schedule))
            policy.steps.append(step)
        self._policies = [policy for policy in known.values() if policy.steps]

    def _name_rows(self, step: int) -> None:
        for number, policy in enumerate(self._policies):
            schedule, before = policy.schedule, policy.row
            policy.row = row = schedule.row_index(step, self._total)
            prob = schedule.total_prob[row]
            if number == 0:
                self._hub.update_scalar('train/ddas/row', row + 1)
                self._hub.update_scalar('train/ddas/total_prob', prob)
            if row != before:
                top = ', '.join(f'{name} {p:.4f}' for name, p in schedule.top(row))
                self._log.info(
                    f'{self._label(policy)}{"iteration" if self._by_iter else "epoch"} '
                    f'{step + 1} of {self._total} uses row {row + 1} of '
                    f'{len(schedule)}: p_tp {prob:.4f}, top {top}'
                )


def _key(schedule: PolicySchedule) -> str:
    """Return what policies that draw alike have in common."""
    return repr({**policy_to_dict(schedule), 'search': None})


def _prepare_workers(loop: IterBasedTrainLoop) -> None:
    """Let the workers, none of which may have started, know what mini-batches are for.

    MMEngine before 0.10.8 starts them before any hook is asked: these are stopped.
    """
    loader = loop.dataloader
    loader._iterator = loop.dataloader_iterator._iterator = None
    sampler = getattr(loader.batch_sampler, 'sampler', None)
    if isinstance(sampler, InfiniteSampler):  # its one stream ended with its reader
        sampler.indices = sampler._indices_of_rank()
    if loader.num_workers > 0:
        # A resumed loop skips the mini-batches it has had, where the sampler is able
        # to, or is told not to look back; or else it loads them once more.
        forgets = getattr(loop, 'fast_forward_on_resume', False)
        skips = forgets or hasattr(loader.sampler, 'skip')
        number_batches(loader, loop.iter if skips else 0)


LARGEST = 1000  # a container with more entries is data, not a part of a pipeline
NO_PARTS = (str, bytes, type, ModuleType, np.ndarray, torch.Tensor)


def find_augments(root: Any) -> list[DDASAugment]:
    """Return every DDASAugment below a data set, whatever wraps it.

    Python's garbage collector knows what an object refers to, so that wrappers and
    nested pipelines need not be known here, nor their attributes be named.
    """
    found, reached, seen = [], [root], {id(root)}
    for value in reached:  # which grows
        if isinstance(value, DDASAugment):
            found.append(value)
            continue
        for part in _parts(value):
            if id(part) not in seen:
                seen.add(id(part))
                reached.append(part)
    return found


def _parts(value: Any) -> Iterable[Any]:
    large = isinstance(value, (list, tuple, dict, set)) and len(value) > LARGEST
    if large or isinstance(value, NO_PARTS):
        return ()
    if isinstance(value, FunctionType):  # not its globals: they are everything
        return (*(value.__closure__ or ()), *(value.__defaults__ or ()))
    if isinstance(value, (list, tuple)):
        return value  # in its order, which the collector reverses
    return gc.get_referents(value)
