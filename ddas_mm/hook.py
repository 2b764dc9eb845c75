"""Snapshots while searching, progress while retraining."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ddas_mm.augment.replay import Replay
from ddas_mm.errors import Count, Size, check_known
from ddas_mm.files import write_atomically
from ddas_mm.outcome.emit import Emitter, find_retrain_config, notes
from ddas_mm.outcome.live import show_policy
from ddas_mm.outcome.plots import plot_policy
from ddas_mm.outcome.record import gpu_hours, search_record
from ddas_mm.outcome.report import report_search
from ddas_mm.policy import PolicySchedule, select_candidates, write_policy
from ddas_mm.policy.effects import EMITTED, verdict_line
from ddas_mm.registry import HOOKS
from ddas_mm.search.loop import DDASLoop
from ddas_mm.search.resume import check_fits
from ddas_mm.search.splits import write_split


@HOOKS.register_module()
class DDASHook(Hook):
    """The companion of ``ddas_mm.DDASLoop`` and of ``ddas_mm.DDASAugment``.

    In a search it takes a snapshot of the policy after every epoch, writes
    ``policy.json``, ``ddas_policy.py`` and ``retrain_<name>.py`` each time, with
    ``effects.npz`` (policies and alignments of every step that counted), and plots and
    ``report.html`` at the end. In a training it tells DDASAugment's workers how
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
        emit: Which candidates the emitted configs hold: ``'learned'``, all with their
            probabilities; ``'without_harmful'``, all but those that significantly
            harm; ``'helpful'``, those that significantly help, or as before if none
            does. ``policy.json`` holds what was learned in any case.

    Examples:
        >>> custom_hooks = [
        ...     dict(type='ddas_mm.DDASHook', smooth=6, retrain='retrain/my_net.py')
        ... ]
    """

    priority = 'NORMAL'  # before CheckpointHook, which saves the snapshots

    def __init__(
        self,
        smooth: Size = 1,
        retrain: str | None = None,
        data_root: str | None = None,
        image_interval: Count = 0,
        emit: str = 'learned',
    ) -> None:
        check_known('DDASHook.emit', emit, EMITTED)
        self.smooth, self.image_interval, self.emit = smooth, image_interval, emit
        self.retrain, self.data_root = retrain, data_root
        self._part: Hook | None = None

    def before_run(self, runner: Runner) -> None:
        """Register what the run needs, once: the part in a search, or in a training."""
        if self._part is None:
            search = isinstance(runner.train_loop, DDASLoop)
            self._part = SearchResults(runner, self) if search else Replay()
            runner.register_hook(self._part, self.priority)


class SearchResults(Hook):
    """DDASHook's part in a search: what it leaves behind, after every epoch.

    Args:
        runner: The runner of the search.
        hook: The hook, for its settings.

    Raises:
        SettingError: If there is no such retrain config.
    """

    def __init__(self, runner: Runner, hook: DDASHook) -> None:
        self._hook = hook
        self._emitter = Emitter()
        if hook.retrain is not None:
            path = find_retrain_config(hook.retrain, runner.cfg.filename)
            self._emitter = Emitter(path, hook.data_root)
        if runner.rank == 0:
            loop, path = runner.train_loop, Path(runner.work_dir) / 'split.json'
            write_split(path, loop.dataloader.dataset, loop.val_loader.dataset)

    def after_train_iter(self, runner: Runner, *_: Any, **__: Any) -> None:
        """Tell the log what the search has cost so far."""
        seconds = runner.train_loop.seconds
        hours = gpu_hours(seconds, runner.world_size)
        name, cost = ('gpu_hours', hours) if hours else ('hours', seconds / 3600)
        runner.message_hub.update_scalar(f'train/ddas/{name}', cost)

    def after_train_epoch(self, runner: Runner) -> None:
        """Take a snapshot of the policy; emit what there is, show it and tell it."""
        runner.train_loop.take_snapshot()
        schedule = self._schedule(runner)
        if runner.rank == 0:
            file = io.BytesIO()
            np.savez_compressed(file, **runner.train_loop.step_log.history)
            folder = Path(runner.work_dir)
            write_atomically(folder / 'effects.npz', file.getvalue())
            self._write(schedule, folder)
            show_policy(runner, schedule, self._hook.image_interval)
        runner.logger.info(
            f'DDAS epoch {runner.epoch + 1} of {runner.max_epochs}: '
            f'p_tp {schedule.total_prob_raw[-1]:.4f}, '
            + ', '.join(f'{name} {prob:.4f}' for name, prob in schedule.top(-1, 5))
        )
        runner.logger.info(f'DDAS effects: {verdict_line(schedule.search["effects"])}')

    def after_train(self, runner: Runner) -> None:
        """Emit what the search has found, with plots and a report."""
        if runner.rank != 0:
            return
        schedule, folder = self._schedule(runner), Path(runner.work_dir)
        written = self._write(schedule, folder) + plot_policy(schedule, folder)
        written += report_search(runner, schedule)
        for note in notes(self._emitted(schedule)):
            runner.logger.warning(note)
        runner.logger.info(
            'DDAS search done: ' + ', '.join(str(path) for path in written)
        )

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Put what a resume of the search needs into the checkpoint."""
        checkpoint['ddas'] = runner.train_loop.state_dict()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Take the search up where the checkpoint left it (not for ``load_from``)."""
        if runner._resume:
            loop = runner.train_loop
            state = check_fits(runner._load_from, checkpoint, loop.facts())
            loop.load_state_dict(state)

    def _write(self, schedule: PolicySchedule, folder: Path) -> list[Path]:
        write_policy(schedule, folder / 'policy.json')
        emitted = self._emitter.write(self._emitted(schedule), folder)
        return [folder / 'policy.json', *emitted]

    def _emitted(self, schedule: PolicySchedule) -> PolicySchedule:
        verdicts = [effect['verdict'] for effect in schedule.search['effects']]
        return select_candidates(schedule, verdicts, self._hook.emit)

    def _schedule(self, runner: Runner) -> PolicySchedule:
        loop = runner.train_loop
        record = search_record(runner, len(loop.snapshots), loop.seconds)
        return PolicySchedule.from_snapshots(
            loop.space, loop.snapshots, self._hook.smooth, record
        )
