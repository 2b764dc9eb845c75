"""From a training config to the config of its own search."""

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ddas_mm.config import config_text, type_name
from ddas_mm.derive.augment import leaf_of
from ddas_mm.derive.data import searchable, val_pipeline
from ddas_mm.derive.schedule import (
    DEPTH,
    SearchPlan,
    fitted_lengths,
    fitted_levels,
    policy_rate,
    scaled_schedule,
    search_optimizer,
)
from ddas_mm.errors import SettingError
from ddas_mm.files import write_atomically
from ddas_mm.ops import SPACES
from ddas_mm.outcome.emit import HOOK

# Data sets that hold arrays in RGB; files are loaded as BGR.
RGB_ARRAYS = ('CIFAR10', 'CIFAR100', 'SVHN')
# Hooks that change the pipeline, or serve the validation.
DROPPED_HOOKS = (
    *('PipelineSwitchHook', 'YOLOXModeSwitchHook', 'SwitchRecipeHook'),
    *('EMAHook', 'MeanTeacherHook', 'PreciseBNHook', 'SyncNormHook'),
    *('EarlyStoppingHook', 'PrepareProtoBeforeValLoopHook', HOOK),
)
EPOCH_SAMPLERS = ('DefaultSampler',)
OTHER_SAMPLERS = (
    *('InfiniteSampler', 'ClassAwareSampler', 'RepeatAugSampler'),
    'CustomSampleSizeSampler',
)


def search_dataset(marked: Config, changes: list[str]) -> dict[str, Any]:
    """Return the training set of a marked config as a search can split it."""
    return searchable(marked.train_dataloader.dataset, changes)


def derive_search(marked: Config, plan: SearchPlan, retrain: str) -> Config:
    """Return the search of a training.

    Args:
        marked: The training config, DDASAugment in its pipelines.
        plan: Sizes and rates of the search.
        retrain: The marked config's file, relative to the search config.

    Raises:
        SettingError: If a part of the training has no counterpart in a search.
    """
    changes = [plan.why] if plan.why else []
    config = copy.deepcopy(marked)
    length = training_length(marked)
    loader = config.train_dataloader
    loader.dataset = search_dataset(marked, changes)
    _fit_loader(loader, changes)
    _fit_batch(config, plan, changes)
    config.optim_wrapper, amp = search_optimizer(marked.optim_wrapper, changes)
    share = plan.processes * (loader.get('batch_size') or 1)
    steps = plan.epochs * math.ceil(plan.num_train / share)
    config.param_scheduler = scaled_schedule(
        marked.get('param_scheduler'), length, plan.epochs, steps
    )
    ((unit, size),) = length.items()
    changes.append(
        f'param_scheduler of {unit}={size} brought to the length of {plan.epochs} '
        'search epochs'
    )
    config.train_cfg = _loop(config, plan, amp, changes)
    _fit_policy(config.train_cfg, plan, steps, changes)
    for name in ('val', 'test'):
        for part in ('dataloader', 'cfg', 'evaluator'):
            config[f'{name}_{part}'] = None
    _fit_runtime(config, plan, retrain, changes)
    told = list(dict.fromkeys(changes))
    config.derived_from = {'config': str(marked.filename), 'changes': told}
    return config


def training_length(config: Config) -> dict[str, int]:
    """Return ``max_epochs`` or ``max_iters`` of a training, by its name.

    Raises:
        SettingError: If it has neither.
    """
    train = config.get('train_cfg') or {}
    for key in ('max_epochs', 'max_iters'):
        if train.get(key):
            return {key: train[key]}
    raise SettingError(
        f'train_cfg of {config.filename!r} has neither max_epochs nor max_iters'
    )


def _fit_loader(loader: Any, changes: list[str]) -> None:
    loader.persistent_workers = loader.get('num_workers', 0) > 0
    sampler = type_name(loader.get('sampler') or {'type': EPOCH_SAMPLERS[0]})
    if sampler in EPOCH_SAMPLERS:
        return
    if sampler not in OTHER_SAMPLERS:
        raise SettingError(
            f'train_dataloader.sampler of type {sampler!r} pairs or filters images in '
            'a way that a search cannot follow; use DefaultSampler'
        )
    loader.sampler = {'type': EPOCH_SAMPLERS[0], 'shuffle': True}
    changes.append(f'DefaultSampler instead of {sampler}: a search counts epochs')


def _fit_batch(config: Config, plan: SearchPlan, changes: list[str]) -> None:
    """Let mini-batches be small: the more steps, the sooner candidates are told apart.

    MMEngine scales the rate, from the training's mini-batch to that of the search.
    """
    loader = config.train_dataloader
    size = loader.get('batch_size') or 1
    if plan.train_batch is None or size <= plan.train_batch:
        return
    loader.batch_size = plan.train_batch
    scaling = {'base_batch_size': plan.processes * size}
    scaling.update(config.get('auto_scale_lr') or {}, enable=True)
    config.auto_scale_lr = scaling
    changes.append(
        f'mini-batches of {plan.train_batch} images instead of {size}, and '
        f'{plan.val_batch} of S_val: more steps tell candidates apart sooner'
    )


def _loop(
    config: Config, plan: SearchPlan, amp: bool, changes: list[str]
) -> dict[str, Any]:
    loader = config.train_dataloader
    space: dict[str, Any] = {'name': plan.space, 'depth': DEPTH}
    constants: dict[str, Any] = dict(fitted_lengths(plan))
    if constants:
        told = ', '.join(f'{name}={pixels}' for name, pixels in constants.items())
        changes.append(f"images are {plan.scale:.3g} times COCO's in size, so {told}")
    if type_name(leaf_of(loader.dataset)) in RGB_ARRAYS:
        constants['channel_order'] = 'rgb'
    heads = (config.get('model') or {}).get('decode_head') or {}
    for head in [heads] if isinstance(heads, Mapping) else heads:
        if head.get('ignore_index') is not None:  # places without a pixel are such
            constants['seg_fill'] = head['ignore_index']
    if constants:
        space['constants'] = constants
    most = max(plan.num_val // plan.processes, 1)
    batch = min(plan.val_batch or loader.get('batch_size') or 1, most)
    val_loader: dict[str, Any] = {'batch_size': batch}
    evaluation = config.get('val_dataloader') or config.get('test_dataloader')
    if isinstance(evaluation, (list, tuple)):
        evaluation = evaluation[0]
    pipeline = val_pipeline(
        leaf_of(loader.dataset)['pipeline'],
        leaf_of(evaluation['dataset']).get('pipeline') if evaluation else None,
    )
    if pipeline is not None:
        val_loader['dataset'] = {'pipeline': pipeline}
    return {
        'type': 'ddas_mm.DDASLoop',
        'max_epochs': plan.epochs,
        'proxy': {'num_train': plan.num_train, 'num_val': plan.num_val, 'seed': 0},
        'space': space,
        'num_policies': plan.num_policies,
        'total_prob': 0.35,
        'policy_follows_lr': False,  # found more of what was planted (configs/README)
        'policy_dataloader': val_loader,
        'amp': amp,
    }


def _fit_policy(
    loop: dict[str, Any], plan: SearchPlan, steps: int, changes: list[str]
) -> None:
    """Let rates and levels of the policy fit the steps that the search has."""
    loop['total_lr'] = policy_rate(plan.total_way, steps)
    loop['op_lr'] = policy_rate(plan.op_way, steps)
    levels = fitted_levels(plan, steps)
    whole = SPACES[plan.space]['levels']
    if len(levels) < len(whole):
        loop['space']['levels'] = levels
        changes.append(
            f'levels {levels} instead of {list(whole)}: {steps} steps do not tell more '
            'candidates apart'
        )


def _fit_runtime(
    config: Config, plan: SearchPlan, retrain: str, changes: list[str]
) -> None:
    hooks = list(config.get('custom_hooks') or [])
    dropped = [type_name(hook) for hook in hooks if type_name(hook) in DROPPED_HOOKS]
    if set(dropped) - {HOOK}:
        changes.append(f'{", ".join(dropped)} of custom_hooks left out')
    config.custom_hooks = [
        *(hook for hook in hooks if type_name(hook) not in DROPPED_HOOKS),
        {'type': f'ddas_mm.{HOOK}', 'smooth': plan.smooth, 'retrain': retrain},
    ]
    saving = {'type': 'CheckpointHook', 'interval': 1, 'max_keep_ckpts': 3}
    config.default_hooks = {**config.get('default_hooks', {}), 'checkpoint': saving}
    if config.get('log_processor'):
        config.log_processor.by_epoch = True
    config.resume = False
    if config.get('strategy'):
        changes.append(
            f'{type_name(config.strategy)} left out: every process has it all'
        )
    for name in ('compile', 'work_dir', 'runner_type', 'strategy'):
        config.pop(name, None)


def write_derived(search: Config, marked: Config, folder: Path, name: str) -> Path:
    """Write ``search_<name>.py``, and ``<name>.py``, which it names for the training.

    Returns:
        The search config's path.
    """
    path = folder / f'search_{name}.py'
    texts = {folder / f'{name}.py': config_text(marked), path: config_text(search)}
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in texts.items():
        write_atomically(file, text)
    return path
