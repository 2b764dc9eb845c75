"""Sizes and rates of a search, by default mostly the paper's."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ddas_mm.config import type_name
from ddas_mm.errors import SettingError
from ddas_mm.ops import SPACES, expand_candidates
from ddas_mm.ops.constants import CONSTANT_DEFAULTS
from ddas_mm.policy.budget import Budget

DEPTH = 2  # operations per policy, N_o
SAME = 1.25  # scales up to this factor apart are the same


@dataclass(frozen=True)
class SearchPlan:
    """Sizes and rates of a search.

    Attributes:
        space: Name of the search space.
        num_train: Size of S_train.
        num_val: Size of S_val.
        epochs: Search epochs, ``T_max``.
        num_policies: Policies sampled per step, ``L``.
        total_way: Steps times Adam's learning rate for ``alpha_tp``.
        op_way: Steps times Adam's learning rate for ``alpha_o``.
        smooth: Size ``F_s`` of the mean filter over ``p_tp``.
        val_batch: Mini-batch of S_val; None for that of the training.
        train_batch: The largest mini-batch of a process; None for any.
        processes: Number of processes that search together.
        scale: Size of the images relative to COCO's, and so of lengths in pixels.
        why: Why the space is this one, where it was chosen.
    """

    space: str
    num_train: int
    num_val: int
    epochs: int
    num_policies: int
    total_way: float
    op_way: float
    smooth: int
    val_batch: int | None = None
    train_batch: int | None = None
    processes: int = 1
    scale: float = 1
    why: str = ''


_COCO = SearchPlan('coco', 3000, 1500, 15, 7, 5.64, 5.64, 6, 4, 2)
# Settings of each space: the paper's (Section 4 and Appendix C) but for mini-batches
# and policies per step, by which a search tells more in the same time
# (docs/benchmarks.md). Epochs take longer by this, and are fewer for COCO and ImageNet:
# 30 and 40 there.
PAPER = {
    'coco': _COCO,
    # not in the paper
    'detection': replace(_COCO, space='detection'),
    'segmentation': replace(_COCO, space='segmentation', epochs=20, train_batch=4),
    'imagenet': SearchPlan('imagenet', 6000, 2400, 20, 7, 15.04, 22.56, 6, 32, 16),
    'cifar': SearchPlan('cifar', 5000, 5000, 20, 7, 3.14, 15.7, 2, 32, 16),
    'svhn': SearchPlan('svhn', 3000, 3000, 20, 7, 1.88, 9.4, 2, 32, 16),
}


def policy_rate(way: float, steps: int) -> float:
    """Return Adam's learning rate for a policy parameter.

    It leads as far as the paper's, however many steps there are. Noise leads about
    ``rate * sqrt(steps)`` far: by one at most, lest it decides a short search.

    Args:
        way: Steps times rate of the paper.
        steps: Steps of the search.
    """
    return float(f'{min(way / steps, steps**-0.5):.3g}')


def fitted_lengths(plan: SearchPlan) -> dict[str, int]:
    """Return a table's lengths in pixels for images that are not as large as COCO's.

    Args:
        plan: Space and scale; of a scale near 1 lengths stay.
    """
    if max(plan.scale, 1 / plan.scale) <= SAME:
        return {}
    lengths = CONSTANT_DEFAULTS[SPACES[plan.space]['table']].items()
    return {k: max(round(v * plan.scale), 1) for k, v in lengths if '_const' in k}


def fitted_levels(plan: SearchPlan, steps: int) -> list[int]:
    """Return as many levels of the space, spread evenly, as a search can tell apart.

    Args:
        plan: Sizes of the search.
        steps: Steps of the search.
    """
    space = SPACES[plan.space]
    levels = space['levels']
    fitted = []
    for number in range(len(levels), 0, -1):
        middles = (np.arange(number) + 0.5) * len(levels) / number
        fitted = [levels[int(middle)] for middle in middles]
        candidates = expand_candidates(space['table'], space['ops'], fitted)
        budget = Budget(steps, len(candidates), plan.num_policies, DEPTH)
        if budget.suffices:
            break
    return fitted


def fitted_sizes(
    paper: SearchPlan, size: int, num_train: int | None, num_val: int | None
) -> tuple[int, int]:
    """Return the sizes of S_train and S_val where one of them or both are not given.

    They are the paper's; of a training set that is smaller a third is S_val, and the
    rest S_train.

    Args:
        paper: The space's settings.
        size: Images of the training set.
        num_train: Size of S_train, where it is given.
        num_val: Size of S_val, where it is given.
    """
    if num_train is None and num_val is None:
        enough = size >= paper.num_train + paper.num_val
        num_val = paper.num_val if enough else max(size // 3, 1)
    if num_val is None:
        num_val = min(paper.num_val, max(size - (num_train or 0), 1))
    if num_train is None:
        num_train = min(paper.num_train, max(size - num_val, 1))
    return num_train, num_val


# Settings that count epochs or iterations from the start, or between two events.
WHOLE = ('milestones', 'step_size', 'periods')  # met exactly or never
LENGTHS = ('begin', 'end', 'T_max', 'total_steps')
WARM_UP_SHARE = 0.1
FEWEST = 2  # a warm-up of one step would never reach the full rate
MIXED = ('AmpOptimWrapper', 'ApexOptimWrapper', 'DeepSpeedOptimWrapper')
# Trust ratios tie the entries of a layer together, which no update rule follows. Each:
# what searches in its place, at which share of the rate, and the settings they share.
# Lamb's rates are about 5 times AdamW's at the same batch (0.005 to 0.001 at 2048), and
# LARS, whose ratio is a thousandth of the norms', needs some 10 times those of SGD.
STAND_INS = {
    'Lamb': ('AdamW', 0.2, ('lr', 'betas', 'eps', 'weight_decay')),
    'LARS': ('SGD', 0.1, ('lr', 'momentum', 'weight_decay', 'nesterov')),
}


def scaled_schedule(
    schedulers: Any, length: Mapping[str, int], epochs: int, steps: int
) -> list[dict[str, Any]]:
    """Return a training's schedule at the length of a search.

    Epochs are scaled, so that rates fall at the same share of the run: milestones to
    whole epochs, the rest exactly, by converting to iterations. In an epoch-based
    training what counts iterations is a warm-up: it stays as it is, but takes at most
    a tenth of the search. In an iteration-based one iterations are scaled.

    Args:
        schedulers: ``param_scheduler`` of the training.
        length: ``max_epochs`` or ``max_iters`` of the training.
        epochs: Search epochs, ``T_max``.
        steps: Steps of the search.

    Raises:
        SettingError: If a schedule follows the validation, which a search has not.
    """
    if not isinstance(schedulers, (list, tuple)):
        schedulers = [] if schedulers is None else [schedulers]
    by_iter = 'max_iters' in length
    ratio = epochs / length.get('max_epochs', epochs)
    scaled = []
    for scheduler in map(copy.deepcopy, map(dict, schedulers)):
        if type_name(scheduler).startswith('ReduceOnPlateau'):
            raise SettingError(
                f'param_scheduler {type_name(scheduler)} follows the validation, which '
                'a search has not; give it another, or a constant rate by '
                '--cfg-options param_scheduler=None'
            )
        if scheduler.get('by_epoch', True):
            _scale_epochs(scheduler, ratio)
        elif by_iter:
            _scale_iterations(scheduler, steps / length['max_iters'])
        elif scheduler.get('begin', 0) > 0 or scheduler.get('end') is None:
            continue  # it belongs to a warm-up of iterations that are not kept
        else:
            scheduler['end'] = min(scheduler['end'], int(steps * WARM_UP_SHARE))
        if not _is_too_short(scheduler, steps / epochs):
            scaled.append(scheduler)
    return scaled


def _scale_epochs(scheduler: dict[str, Any], ratio: float) -> None:
    whole = [key for key in WHOLE if key in scheduler]
    for key in whole:
        scheduler[key] = _each(scheduler[key], ratio)
    for key in LENGTHS:
        if scheduler.get(key) is not None:
            value = scheduler[key] * ratio
            scheduler[key] = round(value) if whole else round(value, 4)
    if not whole:
        scheduler.update(by_epoch=True, convert_to_iter_based=True)


def _scale_iterations(scheduler: dict[str, Any], ratio: float) -> None:
    for key in (*WHOLE, *LENGTHS):
        if scheduler.get(key) is not None:
            least = 0 if key == 'begin' else 1
            scheduler[key] = _each(scheduler[key], ratio, least)


def _each(value: Any, ratio: float, least: int = 1) -> Any:
    if isinstance(value, (list, tuple)):
        return [_each(item, ratio, least) for item in value]
    return max(least, round(value * ratio))


def _is_too_short(scheduler: Mapping[str, Any], steps_per_epoch: float) -> bool:
    if scheduler.get('end') is None:
        return False
    unit = steps_per_epoch if scheduler.get('by_epoch', True) else 1
    return (scheduler['end'] - scheduler.get('begin', 0)) * unit < FEWEST


def search_optimizer(
    optim_wrapper: Mapping[str, Any], changes: list[str]
) -> tuple[dict[str, Any], bool]:
    """Return the optimiser settings that a search can follow, and whether to autocast.

    Args:
        optim_wrapper: Settings of the training.
        changes: Receives one line for each change.
    """
    wrapper = copy.deepcopy(dict(optim_wrapper))
    amp = type_name(wrapper) in MIXED
    if amp:
        wrapper['type'] = 'OptimWrapper'
        for key in ('loss_scale', 'dtype', 'use_fp16', 'opt_level'):
            wrapper.pop(key, None)
        changes.append('mixed precision is bfloat16 autocast (train_cfg.amp=True)')
    _take_stand_in(wrapper, changes)
    counts = wrapper.pop('accumulative_counts', 1)
    if counts != 1:
        wrapper['optimizer']['lr'] /= counts
        changes.append(
            f'the network is updated every step instead of every {counts}, '
            'at a rate divided by as much'
        )
    return wrapper, amp


def rate_and_batch(config: Mapping[str, Any], processes: int) -> str:
    """Return in words which learning rate and mini-batch a search has.

    Args:
        config: The search config.
        processes: Number of processes that search together.
    """
    rate = config['optim_wrapper']['optimizer']['lr']
    batch = processes * (config['train_dataloader'].get('batch_size') or 1)
    scaling = config.get('auto_scale_lr') or {}
    base = scaling.get('base_batch_size')
    how = 'as the training has it'
    if base and scaling.get('enable'):
        rate, how = rate * batch / base, f'scaled from {rate:g} at {base} images'
    elif base and base != batch:
        how += f', which is for {base} images (--auto-scale-lr would scale it)'
    return f'learning rate {rate:g} at mini-batches of {batch} images: {how}'


def _take_stand_in(wrapper: dict[str, Any], changes: list[str]) -> None:
    name = type_name(wrapper.get('optimizer') or {})
    if name in STAND_INS:
        stand_in, share, kept = STAND_INS[name]
        settings = {k: v for k, v in wrapper['optimizer'].items() if k in kept}
        settings['lr'] *= share
        wrapper['optimizer'] = {'type': stand_in, **settings}
        changes.append(
            f'{stand_in} at {share} of the rate instead of {name}, whose trust ratio '
            'ties the entries of a layer together'
        )
