"""Snapshots while searching, progress while retraining."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ddas_mm.augment.progress import CLOCK
from ddas_mm.augment.replay import Replay
from ddas_mm.errors import check_integer, check_kind
from ddas_mm.outcome.emit import Emitter, find_retrain_config
from ddas_mm.outcome.live import LiveView
from ddas_mm.outcome.plots import plot_policy
from ddas_mm.outcome.record import gpu_hours, search_record
from ddas_mm.outcome.report import report_search
from ddas_mm.policy import PolicySchedule, write_policy
from ddas_mm.registry import HOOKS
from ddas_mm.search.checks import check_same_on_ranks
from ddas_mm.search.loop import DDASLoop
from ddas_mm.search.resume import check_fits
from ddas_mm.search.splits import write_split


@HOOKS.register_module()
class DDASHook(Hook):
    """The companion of ``ddas_mm.DDASLoop`` and of ``ddas_mm.DDASAugment``.

    In a search it takes a snapshot of the policy after every epoch, writes
    ``policy.json``, ``ddas_policy.py`` and ``retrain_<name>.py`` each time, and plots
    and ``report.html`` at the end. In a training it tells DDASAugment's workers how
    far the training is, and logs which row of the policy is active.

    Args:
        smooth: Size ``F_s`` of the mean filter over ``p_tp``, in search epochs.
        retrain: Path of the training config that the policy is put into, relative to
            the search config; None to emit the policy alone.
        data_root: Root of the data in the emitted retrain config, where it differs
            from the one written there.
        image_interval: Search epochs between images of the policy that go to the
            visualizer's backends, the last epoch's too; 0 for none. The curves of
            ``p_o`` go there in any case.

    Examples:
        >>> custom_hooks = [
        ...     dict(type='ddas_mm.DDASHook', smooth=6, retrain='retrain/my_net.py')
        ... ]
    """

    priority = 'NORMAL'  # before CheckpointHook, which saves the snapshots

    def __init__(
        self,
        smooth: int = 1,
        retrain: str | None = None,
        data_root: str | None = None,
        image_interval: int = 0,
    ) -> None:
        self.smooth = check_integer('DDASHook.smooth (F_s)', smooth, 1)
        for name, text in (('retrain', retrain), ('data_root', data_root)):
            if text is not None:
                check_kind(f'DDASHook.{name}', text, str)
        self.retrain, self.data_root = retrain, data_root
        self._live = LiveView(image_interval)
        self._emitter = Emitter()
        self._snapshots: list[tuple[float, Any]] = []
        self._seconds = 0.0  # of the search, summed over resumes
        self._started = 0.0
        self._replay: Replay | None = None

    def before_run(self, runner: Runner) -> None:
        """Check that the retrain config can be emitted; tell which images are taken."""
        loop = runner.train_loop
        if not isinstance(loop, DDASLoop):
            return
        if self.retrain is not None:
            path = find_retrain_config(self.retrain, runner.cfg.filename)
            self._emitter = Emitter(path, self.data_root)
        if runner.rank == 0:
            path = Path(runner.work_dir) / 'split.json'
            write_split(path, loop.dataloader.dataset, loop.val_loader.dataset)

    def before_train(self, runner: Runner) -> None:
        """Start the clock."""
        self._started = time.perf_counter()
        if isinstance(runner.train_loop, DDASLoop):
            return
        self._replay = Replay(runner)

    def before_train_epoch(self, runner: Runner) -> None:
        """Tell the workers the epoch, before they are asked for data."""
        if self._replay is not None:
            self._replay.begin_step()

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """See at an epoch's begin whether another hook has switched the pipeline."""
        if self._replay is not None and not self._replay.by_iter and batch_idx == 0:
            self._replay.begin_epoch_data()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Any = None,
    ) -> None:
        """Tell the workers of an iteration-based training its progress.

        In a search, tell the log what it has cost so far.
        """
        if self._replay is not None and self._replay.by_iter:
            self._replay.end_iteration()
        elif isinstance(runner.train_loop, DDASLoop):
            seconds = self._elapsed()
            hours = gpu_hours(seconds, runner.world_size)
            name, cost = ('gpu_hours', hours) if hours else ('hours', seconds / 3600)
            runner.message_hub.update_scalar(f'train/ddas/{name}', cost)

    def after_train_epoch(self, runner: Runner) -> None:
        """Take a snapshot of the policy, or log how many images were augmented."""
        if isinstance(runner.train_loop, DDASLoop):
            self._snapshot(runner)
        elif self._replay is not None and not self._replay.by_iter:
            self._replay.report()

    def after_train(self, runner: Runner) -> None:
        """Emit what the search has found, or stop the clock."""
        if self._replay is not None:
            self._replay = None
            CLOCK.reset()
        if not isinstance(runner.train_loop, DDASLoop) or runner.rank != 0:
            return
        schedule = self._schedule(runner)
        folder = Path(runner.work_dir)
        written = self._write(schedule, folder) + plot_policy(schedule, folder)
        written += report_search(runner, schedule)
        runner.logger.info(
            'DDAS search done: ' + ', '.join(str(path) for path in written)
        )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put what a resume of the search needs into the checkpoint."""
        loop = runner.train_loop
        if isinstance(loop, DDASLoop):
            checkpoint['ddas'] = {
                'facts': loop.facts(),
                'policy': loop.policy.state_dict(),
                'snapshots': self._snapshots,
                **loop.step_log.state_dict(),
                'seconds': self._elapsed(),
            }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take the search up where the checkpoint left it (not for ``load_from``)."""
        loop = runner.train_loop
        if not isinstance(loop, DDASLoop) or not runner._resume:
            return
        state = check_fits(runner._load_from, checkpoint, loop.facts())
        loop.policy.load_state_dict(state['policy'])
        loop.step_log.load_state_dict(state)
        self._snapshots = list(state['snapshots'])
        self._seconds = state['seconds']

    def _write(self, schedule: PolicySchedule, folder: Path) -> list[Path]:
        write_policy(schedule, folder / 'policy.json')
        return [folder / 'policy.json', *self._emitter.write(schedule, folder)]

    def _elapsed(self) -> float:
        return self._seconds + time.perf_counter() - self._started

    def _schedule(self, runner: Runner) -> PolicySchedule:
        record = search_record(runner, len(self._snapshots), self._elapsed())
        return PolicySchedule.from_snapshots(
            runner.train_loop.space, self._snapshots, self.smooth, record
        )

    def _snapshot(self, runner: Runner) -> None:
        policy = runner.train_loop.policy
        alpha = torch.cat([policy.alpha_op, policy.alpha_total.reshape(1)]).detach()
        check_same_on_ranks('alpha', alpha)
        snapshot = policy.total_prob.item(), policy.op_probs.detach().cpu().numpy()
        self._snapshots.append(snapshot)
        schedule = self._schedule(runner)
        if runner.rank == 0:
            self._write(schedule, Path(runner.work_dir))
            self._live.show(runner, schedule)
        runner.logger.info(
            f'DDAS epoch {runner.epoch + 1} of {runner.max_epochs}: '
            f'p_tp {snapshot[0]:.4f}, '
            + ', '.join(f'{name} {prob:.4f}' for name, prob in schedule.top(-1, 5))
        )
