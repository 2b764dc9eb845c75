"""What a search refuses, told at start."""

from collections.abc import Mapping
from logging import Logger
from typing import Any

import torch
from mmengine.dist import all_gather, get_rank
from mmengine.hooks import CheckpointHook
from mmengine.registry import OPTIMIZERS
from mmengine.runner import Runner
from torch import Tensor, nn

from ddas_mm.augment.candidates import CandidateOps
from ddas_mm.config import type_name
from ddas_mm.errors import Rate, SettingError, check_value
from ddas_mm.ops import erasing_candidates
from ddas_mm.policy import SearchSpace
from ddas_mm.policy.space import candidate_label
from ddas_mm.registry import HOOKS
from ddas_mm.search.update import RULES
from ddas_mm.search.views import ViewDataset


def check_runner(runner: Runner) -> None:
    """Check what a search cannot follow in the rest of the config, at construction.

    Raises:
        SettingError: If nothing would write the policy, checkpoints would not allow an
            exact resume, or another part of MMEngine would change the step.
    """
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and not hook.by_epoch:
            raise SettingError(
                'default_hooks.checkpoint.by_epoch must be True in a search, which '
                'resumes at the start of an epoch and would run half an epoch twice'
            )
        if isinstance(hook, CheckpointHook) and hook.max_keep_ckpts == 1:
            raise SettingError(
                'default_hooks.checkpoint.max_keep_ckpts must be at least 2 (or -1, '
                'all) in a search: MMEngine deletes the old checkpoint before it '
                'writes the new one, so that a kill in between would leave none'
            )
    if not any(isinstance(hook, HOOKS.get('DDASHook')) for hook in runner.hooks):
        raise SettingError(
            "a search needs custom_hooks=[dict(type='ddas_mm.DDASHook')]: without it "
            'no policy would be written'
        )
    if runner.cfg.get('compile'):
        raise SettingError(
            'compile must be unset in a search: it would compile train_step, which a '
            'search does not call'
        )
    settings = runner.optim_wrapper
    if isinstance(settings, dict) and 'constructor' not in settings:
        # AmpOptimWrapper cannot even be built on a CPU
        _check_wrapper(type_name(settings, 'OptimWrapper'))
    check_followed(settings)


def check_followed(optim_wrapper: Any) -> None:
    """Check early, by its settings, that a search can follow the optimiser.

    Raises:
        SettingError: If it has no row in ``RULES``.
    """
    if isinstance(optim_wrapper, dict):
        kind = (optim_wrapper.get('optimizer') or {}).get('type')
        kind = OPTIMIZERS.get(kind) if isinstance(kind, str) else kind
        if kind is not None:  # else MMEngine tells when it builds the optimiser
            _check_kind(kind)


SCALED = (
    'scaled losses would scale the inner products of gradients; for mixed precision '
    'use --amp (bfloat16 autocast)'
)
REASONS = {
    'AmpOptimWrapper': SCALED,
    'ApexOptimWrapper': SCALED,
    'OptimWrapperDict': 'one step must update the whole network',
}


def _check_wrapper(name: str) -> None:
    if name != 'OptimWrapper':
        raise SettingError(
            f"optim_wrapper.type must be 'OptimWrapper' in a search, but is {name!r}: "
            f'{REASONS.get(name, "the step of others is not known")}'
        )


def check_optimizer(optim_wrapper: Any) -> None:
    """Check that the network's update is one whose derivative is known.

    That is one of ``RULES`` of :mod:`ddas_mm.search.update`, with clipping and with
    settings of each parameter group.

    Raises:
        SettingError: If the optimiser or its wrapper does something else.
    """
    _check_wrapper(type(optim_wrapper).__name__)
    _demand('accumulative_counts', optim_wrapper._accumulative_counts, 1)
    norm_type = (optim_wrapper.clip_grad_kwargs or {}).get('norm_type', 2)
    _demand('clip_grad.norm_type', norm_type, 2)
    optimizer = optim_wrapper.optimizer
    _check_kind(type(optimizer))
    for group in optimizer.param_groups:
        for name, wanted in RULES[type(optimizer)].demands.items():
            _demand(f'optimizer.{name}', group.get(name, wanted), wanted)
        for name in ('lr', 'momentum', 'weight_decay'):
            check_value(f'optim_wrapper.optimizer.{name}', group.get(name, 0), Rate)


def _demand(setting: str, value: Any, wanted: Any) -> None:
    if value != wanted:
        raise SettingError(
            f'optim_wrapper.{setting} must be {wanted!r} in a search, which knows the '
            f'derivative of no other step, but is {value!r}'
        )


def _check_kind(kind: Any) -> None:
    if kind not in RULES:
        known = ', '.join(sorted(rule.__name__ for rule in RULES))
        raise SettingError(
            f'optim_wrapper.optimizer.type must be one of {known} in a search, which '
            f'knows the derivatives of their steps, but is {kind.__name__!r}; search '
            'with one of them (the training may use what it likes), or register a rule '
            '(docs/extending.md)'
        )


def check_same_on_ranks(name: str, values: Tensor) -> None:
    """Check that a tensor is equal on all ranks, bit by bit; all ranks must ask.

    Raises:
        RuntimeError: Naming the ranks and how far apart they are.
    """
    for rank, other in enumerate(all_gather(values)):
        if not torch.equal(other, values):
            difference = (other - values).abs().max().item()
            raise RuntimeError(
                f'{name} differs between rank {rank} and rank {get_rank()} by '
                f'{difference:.3g}: the ranks search different policies; look for a '
                'hook or model that treats ranks differently, or for a faulty device'
            )


def check_start(batches: int, iteration: int) -> None:
    """Check that all ranks begin alike, or they would wait for each other forever.

    Args:
        batches: Mini-batches of an epoch on this rank.
        iteration: Steps done so far, zero unless resumed.

    Raises:
        SettingError: If they do not.
    """
    starts = torch.stack(all_gather(torch.tensor([batches, iteration])))
    least, most = starts.amin(dim=0).tolist(), starts.amax(dim=0).tolist()
    if least[0] != most[0]:
        raise SettingError(
            f'train_dataloader gives {least[0]} to {most[0]} mini-batches an epoch, '
            'depending on the process; set train_dataloader.sampler.round_up=True'
        )
    if least[1] != most[1]:
        raise SettingError(
            f'the processes go on from steps {least[1]} to {most[1]}; they must share '
            'a work_dir, or be given the same checkpoint by --resume PATH'
        )


def check_model(module: nn.Module) -> None:
    """Check that the network can be searched with.

    Raises:
        SettingError: If nothing in it is trained, or it mixes dtypes or devices.
    """
    kinds = {(p.dtype, p.device) for p in module.parameters() if p.requires_grad}
    if len(kinds) != 1:
        raise SettingError(
            'model must have parameters that are trained, and all of them must share '
            f'one dtype and device, but they have {sorted(map(str, kinds))}'
        )


def check_ignored(
    model: nn.Module, results: Mapping[str, Any], ops: CandidateOps
) -> None:
    """Check that a segmentation network ignores what operations fill its maps with.

    Args:
        model: The network.
        results: mm's dict of a sample, before DDASAugment.
        ops: The operations of the search space.

    Raises:
        SettingError: If a head ignores another class index.
    """
    if results.get('gt_seg_map') is None or not ops.moves:
        return
    fill = ops.constants.seg_fill
    for name, module in model.named_modules():
        ignored = getattr(module, 'ignore_index', None)
        if 'Head' in type(module).__name__ and ignored not in (None, fill):
            raise SettingError(
                f'model.{name} ignores class {ignored}, but operations fill places '
                f'outside of the image with {fill}; set '
                f'train_cfg.space.constants=dict(seg_fill={ignored})'
            )


def warn_of_erasing(space: SearchSpace, train: ViewDataset, logger: Logger) -> None:
    """Warn of candidates that push a whole training image out of sight."""
    height, width = map(train.get_data_info(0).get, ('height', 'width'))
    if height and width:
        constants = train.ops.constants
        erasing = erasing_candidates(space.candidates, constants, height, width)
        if erasing:
            logger.warning(
                f'{", ".join(map(candidate_label, erasing))} would push a whole '
                f'training image of {width} x {height} out of sight; lower '
                'translate_const in train_cfg.space.constants'
            )
