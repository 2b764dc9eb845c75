"""The search: paper Algorithm 1 as an MMEngine train loop."""

import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any

import numpy as np
import torch
from mmengine.hooks import LoggerHook
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop, Runner
from torch import Tensor

from ddas_mm.augment.candidates import CandidateOps, build_space, without_idle
from ddas_mm.errors import Count, Rate, Size
from ddas_mm.policy import Effects, PolicyParams, estimate_effects
from ddas_mm.policy.budget import Budget
from ddas_mm.policy.learned import Beta, Inside
from ddas_mm.randomness import seed_step, shared_seed
from ddas_mm.registry import LOOPS
from ddas_mm.search import checks, data
from ddas_mm.search.contents import describe
from ddas_mm.search.gradients import ViewGradients, compile_parts, weights_last
from ddas_mm.search.log import StepLog, StepRecord, log_steps, take_over_log
from ddas_mm.search.original import check_val_batches, drop_batch_augments
from ddas_mm.search.splits import check_proxy
from ddas_mm.search.update import base_rate
from ddas_mm.search.views import ViewDataset

ALPHA = 0.05  # share of searches in which racing may drop a candidate wrongly


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
            :func:`ddas_mm.search.data.build_search_datasets`.
        policy_dataloader: Data loader settings of S_val; unset keys are as in
            ``train_dataloader``. With a ``dataset`` in it S_val is a data set of
            its own.
        total_prob: Initial ``p_tp``.
        total_lr: Adam's learning rate for ``alpha_tp``.
        op_lr: Adam's learning rate for ``alpha_o``.
        betas: Adam's betas.
        policy_follows_lr: Whether the policy's gradient is proportional to the
            network's learning rate of the step (Eq. 16). If not, late steps, at small
            rates, move the policy as far as early ones.
        paired: Whether the random steps after DDASAugment draw alike for all views
            of an image.
        max_skipped: Steps in a row that may be skipped for numbers that are not
            finite, before the search stops.
        amp: Whether losses are computed under bfloat16 autocast, on any device.
        channels_last: Whether convolutions work on that memory layout, which is the
            faster one (see ``docs/benchmarks.md``).
        racing: Whether candidates that significantly harm are sampled no more, with
            ``p_o`` zero in the rows of later epochs.
        stop: Whether the search ends when all candidates (but Identity) are told
            apart from no augmentation. For both, which look at the data after every
            epoch, the error of 5 % is shared by ``max_epochs`` looks (Bonferroni).
        compile: Whether torch.compile translates the network, which takes minutes
            at the start: one or two for a classifier, more for a detector.

    Raises:
        SettingError: If a setting or the data cannot be searched with.
    """

    def __init__(
        self,
        runner: Annotated[Runner, checks.check_runner],
        dataloader: Annotated[
            Mapping[str, Any],
            partial(data.check_loader, 'train_dataloader', needed=['batch_size']),
        ],
        max_epochs: Size,
        space: Annotated[Mapping[str, Any], build_space],
        num_policies: Size = 3,
        proxy: Annotated[Mapping[str, Any] | None, check_proxy] = None,
        policy_dataloader: Annotated[
            Mapping[str, Any] | None,
            partial(data.check_loader, 'train_cfg.policy_dataloader'),
        ] = None,
        total_prob: Inside = 0.35,
        total_lr: Rate = 0.001,
        op_lr: Rate = 0.001,
        betas: tuple[Beta, Beta] = (0.5, 0.999),
        policy_follows_lr: bool = True,
        paired: bool = False,
        max_skipped: Count = 50,
        amp: bool = False,
        channels_last: bool = True,
        compile: bool = False,
        racing: bool = False,
        stop: bool = False,
    ) -> None:
        self.num_policies, self.policy_follows_lr = num_policies, policy_follows_lr
        self.amp, self.channels_last, self.compile = amp, channels_last, compile
        self.racing, self.stop = racing, stop
        self.seed = seed = shared_seed(runner)
        self.device = next(runner.model.parameters()).device

        policy_dataloader, proxy = policy_dataloader or {}, proxy or {}
        source: Any = dataloader.get('dataset')
        own = policy_dataloader.get('dataset', {})
        ops = CandidateOps(build_space(space))
        train, val = data.build_search_datasets(source, own, proxy, ops, seed, paired)
        leave_out_idle(train, runner)
        self.space = train.ops.space
        views = data.build_view_loader(train, dataloader, num_policies, seed)
        super().__init__(runner, views, max_epochs)
        val_config = {**dataloader, **policy_dataloader}
        self.val_loader: Any = data.build_val_loader(val, val_config, seed)

        # other devices may not know float64
        device = self.device if self.device.type == 'cuda' else 'cpu'
        settings = total_prob, op_lr, total_lr, betas, device
        self.policy = PolicyParams(len(self.space), *settings)
        self.step_log = StepLog(self.space, max_skipped, runner.logger)
        self.snapshots: list[tuple[float, Any]] = []  # p_tp and p_o of every epoch
        self.effects: Effects  # after the last of them
        self._seconds_before = 0.0  # of a search that is resumed
        self._started = time.perf_counter()
        self._val_batches: Iterator[Any]
        self._announce()

    def _announce(self) -> None:
        """Tell the log what is searched on."""
        train, val = self.dataloader.dataset, self.val_loader.dataset
        log = self.runner.logger
        checks.warn_of_erasing(self.space, train, log)
        log.info(describe(train, 'S_train'))
        log.info(describe(val, 'S_val'))
        if val.left_out:
            log.info(f'S_val passes no random steps: without {", ".join(val.left_out)}')
        log.info(
            f'DDAS search: K = {len(self.space)} candidates of table '
            f'{self.space.table!r}, N_o = {self.space.depth}, L = {self.num_policies}, '
            f'{self.max_epochs} epochs of {len(self.dataloader)} steps'
        )
        budget = self.budget
        (log.info if budget.suffices else log.warning)(f'budget: {budget}')

    @property
    def budget(self) -> Budget:
        """What the whole search can tell apart."""
        shape = len(self.space), self.num_policies, self.space.depth
        return Budget(self.max_iters, *shape)

    def run(self) -> torch.nn.Module:
        """Search; return the network that was trained on the way."""
        self.prepare()
        checks.check_start(len(self.dataloader), self._iter)
        # Each step takes one mini-batch of S_val: a resumed search goes on from there.
        self.val_loader.batch_sampler.position = self._iter
        self._val_batches = iter(self.val_loader)
        self._started = time.perf_counter()
        super().run()
        self._val_batches = iter(())  # ends S_val's workers
        return self.runner.model

    def prepare(self) -> None:
        """Check the network and its optimiser, and get them ready for the first step.

        Raises:
            SettingError: If they cannot be searched with.
        """
        model, optim_wrapper = self.runner.model, self.runner.optim_wrapper
        log = self.runner.logger
        module = model.module if is_model_wrapper(model) else model
        checks.check_optimizer(optim_wrapper)
        checks.check_model(module)
        dropped = drop_batch_augments(module)
        if dropped:
            log.warning(
                f'{", ".join(dropped)} of mini-batches are left out of the search: '
                'S_val, which they would change too, is kept as original'
            )
        check_val_batches(module, self.val_loader)
        if self.channels_last:
            weights_last(module)
        if self.compile:
            compile_parts(module)
            log.info('train_cfg.compile: the first steps take minutes longer')
        self.gradients = ViewGradients(
            module, optim_wrapper, self.num_policies, self.amp, self.channels_last
        )
        take_over_log(self.runner)
        intervals = [h.interval for h in self.runner.hooks if isinstance(h, LoggerHook)]
        self._log_interval = min(intervals, default=len(self.dataloader))

    def run_epoch(self) -> None:
        """Search through S_train once."""
        self.dataloader.batch_sampler.sampler.set_epoch(self._epoch)
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        for idx, data_batch in enumerate(data.prefetched(self._batches(), self.device)):
            self.run_iter(idx, data_batch)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _batches(self) -> Iterator[dict[str, Any]]:
        for data_batch in self.dataloader:
            yield {**data_batch, 'val': next(self._val_batches)}

    def run_iter(self, idx: int, data_batch: dict[str, Any]) -> None:
        """Run one search step between the runner's hooks.

        Hooks get the losses of ``D_0`` as MMEngine gives them, on the device: to read
        one is to wait for it.
        """
        self.runner.call_hook('before_train_iter', batch_idx=idx, data_batch=data_batch)
        seed_step(self.seed, self._iter, self.runner.rank)
        outputs = self.search_step(
            data_batch['views'], data_batch['policies'], data_batch['val']
        )
        done = idx + 1
        if done % self._log_interval == 0 or done == len(self.dataloader):
            log_steps(self.runner)
        self.runner.call_hook(
            'after_train_iter', batch_idx=idx, data_batch=data_batch, outputs=outputs
        )
        self._iter += 1

    def search_step(
        self, views: list[Any], policies: Tensor, val_batch: Any
    ) -> dict[str, Tensor]:
        """Update network and policy once (Algorithm 1, lines 5 to 12).

        The host waits for nothing in here. Numbers that are not finite leave network
        or policy as they were; ``step_log`` tells of them.

        Args:
            views: L + 1 mini-batches: ``D_0`` and ``D_l = phi_l(D_0)``.
            policies: (L, N_o) int64 candidate indices, ``phi_l``.
            val_batch: A mini-batch of S_val.

        Returns:
            What the model says of ``D_0``.
        """
        gradients, policy = self.gradients, self.policy
        losses = [gradients.of_view(i, view) for i, view in enumerate(views)]
        base_lr = base_rate(self.runner.optim_wrapper.optimizer)
        gradients.step_with(policy.mixture_weights(policies))
        alignments = gradients.align(val_batch)
        policy.step(alignments, policies, base_lr if self.policy_follows_lr else 1.0)
        number, norm = self._iter + 1, gradients.grad_norm
        record = StepRecord(number, policies, base_lr, norm, alignments, losses[0])
        self.step_log.add(record)
        return losses[0]

    def take_snapshot(self) -> None:
        """Keep policy and effects as they are after an epoch; all ranks must ask.

        The candidates that racing drops are dropped after that.

        Raises:
            RuntimeError: If the ranks differ in it.
        """
        policy = self.policy
        alpha = torch.cat([policy.alpha_op, policy.alpha_total.reshape(1)]).detach()
        checks.check_same_on_ranks('alpha', alpha)
        op_probs = policy.op_probs.detach().cpu().numpy()
        self.snapshots.append((policy.total_prob.item(), op_probs))
        self._estimate()

    def _estimate(self) -> None:
        """Estimate effects, and act on those that are told apart; on ranks alike."""
        names = [name for name, _ in self.space.candidates]
        effects = self.effects = estimate_effects(
            **self.step_log.history, num_candidates=len(names), operations=names
        )
        told = effects.p_value < ALPHA / self.max_epochs
        if self.racing:
            harmful = told & (effects.mean < 0)
            harmful[effects.mean.argmax()] = False  # one has to be left
            self.policy.drop(np.flatnonzero(harmful))
            self.dataloader.batch_sampler.candidates = self.policy.active
        if self.stop:
            control = np.array([name == 'Identity' for name in names])
            self.stop_training = bool((told | control).all())

    @property
    def seconds(self) -> float:
        """Wall-clock time of the search so far, summed over resumes."""
        return self._seconds_before + time.perf_counter() - self._started

    def state_dict(self) -> dict[str, Any]:
        """Return what a resume needs beside MMEngine's own states."""
        return {
            'facts': self.facts(),
            'policy': self.policy.state_dict(),
            'snapshots': self.snapshots,
            **self.step_log.state_dict(),
            'seconds': self.seconds,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up the state of :meth:`state_dict`."""
        self.policy.load_state_dict(state['policy'])
        self.step_log.load_state_dict(state)
        self.snapshots = list(state['snapshots'])
        self._seconds_before = state['seconds']
        self._estimate()

    def facts(self) -> dict[str, Any]:
        """Return what a resumed search must share with the one it goes on from."""
        return {
            'train_cfg.space': (self.space.candidates, self.space.depth),
            'train_cfg.num_policies (L)': self.num_policies,
            'randomness.seed': self.seed,
            'number of processes': self.runner.world_size,
            'number of steps per epoch': len(self.dataloader),
        }


def leave_out_idle(train: ViewDataset, runner: Runner) -> None:
    """Let S_train have the candidates that can act on it alone.

    Raises:
        SettingError: If there are none, or the network would learn what they fill in.
    """
    loaded = next(filter(None, map(train.loaded, range(len(train)))), {})
    acting = without_idle(train.ops.space, loaded, runner.logger.info)
    checks.check_ignored(runner.model, loaded, train.ops)
    train.ops = CandidateOps(acting)
