"""The search: paper Algorithm 1 as an MMEngine train loop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import Tensor

from ddas_mm.core import PolicyParams, alignment_signal
from ddas_mm.core.space import candidate_label
from ddas_mm.data.loaders import build_val_loader, build_view_loader
from ddas_mm.data.sources import build_search_datasets
from ddas_mm.data.space import CandidateOps, build_space
from ddas_mm.engine.checks import (
    check_integer,
    check_model,
    check_optimizer,
    check_runner,
    check_start,
    find_erasing,
)
from ddas_mm.engine.gradients import ViewGradients
from ddas_mm.engine.history import SIGNALS
from ddas_mm.engine.randomness import seed_step, shared_seed
from ddas_mm.errors import SettingError
from ddas_mm.registry import LOOPS


@LOOPS.register_module()
class DDASLoop(EpochBasedTrainLoop):
    """Search an augmentation policy while training the network (Algorithm 1).

    Works with any MMEngine model: its loss is what ``mode='loss'`` and
    ``parse_losses`` make it. The snapshots and files of the result are
    ``ddas_mm.DDASHook``'s.

    Args:
        runner: The runner.
        dataloader: ``train_dataloader``; its pipeline holds one ``DDASAugment``.
        max_epochs: Search epochs, ``T_max``.
        space: The search space, e.g. ``dict(name='coco', depth=2)``; ``depth`` is
            ``N_o``.
        num_policies: Policies sampled per step, ``L``.
        proxy: Sizes and seed of S_train and S_val, ``dict(num_train, num_val,
            seed)``; other ways to choose them are in
            :func:`ddas_mm.data.sources.build_search_datasets`.
        policy_dataloader: Data loader settings of S_val; unset keys are as in
            ``train_dataloader``. With a ``dataset`` in it S_val is a data set of
            its own.
        total_prob: Initial ``p_tp``.
        total_lr: Adam's learning rate for ``alpha_tp``.
        op_lr: Adam's learning rate for ``alpha_o``.
        betas: Adam's betas.
        paired: Whether the random steps after DDASAugment draw alike for all views
            of an image.
        max_skipped: Steps in a row that may be skipped for numbers that are not
            finite, before the search stops.
        amp: Whether losses are computed under bfloat16 autocast, on any device.

    Raises:
        SettingError: If a setting or the data cannot be searched with.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: Mapping[str, Any],
        max_epochs: int,
        space: Mapping[str, Any],
        num_policies: int = 3,
        proxy: Mapping[str, Any] | None = None,
        policy_dataloader: Mapping[str, Any] | None = None,
        total_prob: float = 0.35,
        total_lr: float = 0.001,
        op_lr: float = 0.001,
        betas: tuple[float, float] = (0.5, 0.999),
        paired: bool = False,
        max_skipped: int = 50,
        amp: bool = False,
    ) -> None:
        check_integer('train_cfg.max_epochs', max_epochs, 1)
        self.num_policies = check_integer('train_cfg.num_policies (L)', num_policies, 1)
        self.max_skipped = check_integer('train_cfg.max_skipped', max_skipped, 0)
        check_runner(runner)
        if not isinstance(dataloader, Mapping):
            raise SettingError('train_dataloader must be a dict in a search')
        self.amp = amp
        self.space = build_space(space)
        self.policy = PolicyParams(
            len(self.space), total_prob, op_lr, total_lr, tuple(betas)
        )
        self.seed = seed = shared_seed(runner)
        val_config = {**dataloader, 'dataset': {}, **(policy_dataloader or {})}
        train, val = build_search_datasets(
            dataloader['dataset'],
            val_config['dataset'],
            proxy or {},
            CandidateOps(self.space),
            seed,
            paired,
        )
        self.val_loader = build_val_loader(val, val_config, seed)
        super().__init__(
            runner,
            build_view_loader(train, dataloader, self.space, num_policies, seed),
            max_epochs,
        )
        self.skipped_steps = 0
        self.skipped_in_a_row = 0
        self._val_batches: Iterator[Any]
        warning = find_erasing(self.space, train)
        if warning is not None:
            self.runner.logger.warning(warning)
        self.runner.logger.info(
            f'DDAS search: {len(train)} images in S_train, {len(val)} in S_val, '
            f'K = {len(self.space)} candidates of table {self.space.table!r}, '
            f'N_o = {self.space.depth}, L = {num_policies}, {max_epochs} epochs of '
            f'{len(self.dataloader)} steps'
        )

    def run(self) -> torch.nn.Module:
        """Search; return the network that was trained on the way."""
        model = self.runner.model
        module = model.module if is_model_wrapper(model) else model
        check_optimizer(self.runner.optim_wrapper)
        check_model(module)
        check_start(len(self.dataloader), self._iter)
        self.gradients = ViewGradients(
            module, self.runner.optim_wrapper, self.num_policies, self.amp
        )
        # Each step takes one mini-batch of S_val: a resumed search goes on from there.
        self.val_loader.batch_sampler.position = self._iter
        self._val_batches = iter(self.val_loader)
        super().run()
        self._val_batches = iter(())  # ends S_val's workers
        return model

    def run_epoch(self) -> None:
        """Search through S_train once."""
        self.dataloader.batch_sampler.sampler.set_epoch(self._epoch)
        super().run_epoch()

    def run_iter(self, idx: int, data_batch: dict[str, Any]) -> None:
        """Run one search step between the runner's hooks."""
        self.runner.call_hook('before_train_iter', batch_idx=idx, data_batch=data_batch)
        seed_step(self.seed, self._iter, self.runner.rank)
        outputs = self.search_step(
            data_batch['views'], data_batch['policies'], next(self._val_batches)
        )
        self.runner.call_hook(
            'after_train_iter', batch_idx=idx, data_batch=data_batch, outputs=outputs
        )
        self._iter += 1

    def search_step(
        self, views: list[Any], policies: Tensor, val_batch: Any
    ) -> dict[str, Any]:
        """Update network and policy once (Algorithm 1, lines 5 to 12).

        Args:
            views: L + 1 mini-batches: ``D_0`` and ``D_l = phi_l(D_0)``.
            policies: (L, N_o) int64 candidate indices, ``phi_l``.
            val_batch: A mini-batch of S_val.

        Returns:
            Values for the log.
        """
        optim_wrapper = self.runner.optim_wrapper
        signal = 0.0, 0.0  # of a step that is skipped
        logs = [self.gradients.of_view(i, view) for i, view in enumerate(views)]
        weights = self.policy.mixture_weights(policies)
        if self.gradients.mix(weights):
            base_lr = optim_wrapper.optimizer.param_groups[0]['lr']
            optim_wrapper.step()
            alignments = self.gradients.align(val_batch).cpu()
            if alignments.isfinite().all():
                self.skipped_in_a_row = 0
                signal = alignment_signal(alignments, base_lr)
                if not self.policy.step(alignments, policies, base_lr):
                    self.skipped_steps += 1
            else:  # the network's step is kept: nothing is rolled back
                self._skip(policies, 'the loss or the gradient of S_val')
        else:
            self._skip(policies, 'the loss or the gradient of a view')
        signal_log = dict(zip(SIGNALS, signal, strict=True))
        return {**logs[0], **self.policy_log(), **signal_log}

    def policy_log(self) -> dict[str, float]:
        """Return what the log says of the policy: p_tp, the best and spread of p_o."""
        op_probs = self.policy.op_probs.detach()
        return {
            'ddas/total_prob': self.policy.total_prob.item(),
            'ddas/top_prob': op_probs.max().item(),
            'ddas/entropy': torch.special.entr(op_probs).sum().item(),
            'ddas/skipped': self.skipped_steps,
        }

    def facts(self) -> dict[str, Any]:
        """Return what a resumed search must share with the one it goes on from."""
        return {
            'train_cfg.space': (self.space.candidates, self.space.depth),
            'train_cfg.num_policies (L)': self.num_policies,
            'randomness.seed': self.seed,
            'number of processes': self.runner.world_size,
            'number of steps per epoch': len(self.dataloader),
        }

    def _skip(self, policies: Tensor, what: str) -> None:
        self.skipped_steps += 1
        self.skipped_in_a_row += 1
        broken = [
            self._policy_label(policies, view) for view in self.gradients.broken_views()
        ]
        where = f' ({"; ".join(broken)})' if broken else ''
        message = f'step {self._iter + 1}: {what} is not finite{where}'
        self.runner.logger.warning(f'{message}; the policy is left as it was')
        if self.skipped_in_a_row > self.max_skipped:
            raise RuntimeError(
                f'{message}, for {self.skipped_in_a_row} steps in a row, more than '
                f'train_cfg.max_skipped={self.max_skipped}; lower the learning rate, '
                'clip gradients (optim_wrapper.clip_grad), or take the operation out '
                'of train_cfg.space'
            )

    def _policy_label(self, policies: Tensor, view: int) -> str:
        if view == 0:
            return 'the view that is not augmented'
        names = [candidate_label(self.space.candidates[k]) for k in policies[view - 1]]
        return 'policy ' + ' + '.join(names)
