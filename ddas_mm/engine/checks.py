"""What a search refuses, told at start."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from ddas_mm.errors import SettingError


def check_integer(name: str, value: Any, least: int) -> int:
    """Return the value if it is an integer of at least ``least``.

    Raises:
        SettingError: Otherwise, with the setting's name.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingError(
            f'{name} must be an integer of at least {least}, but is {value!r}'
        )
    return value


def check_optimizer(optim_wrapper: Any) -> None:
    """Check that the network's update is ``theta - eta g`` (method, section 2).

    Raises:
        SettingError: If the optimiser or its wrapper does something else.
    """
    name = type(optim_wrapper).__name__
    if type(optim_wrapper) is not OptimWrapper:
        raise SettingError(
            f"optim_wrapper.type must be 'OptimWrapper' in a search, but is {name!r}; "
            'loss scaling and several optimisers would change what the inner products '
            'of gradients mean'
        )
    counts = optim_wrapper._accumulative_counts
    if counts != 1:
        raise SettingError(
            'optim_wrapper.accumulative_counts must be 1 in a search, which updates '
            f'the network every step, but is {counts}'
        )
    optimizer = optim_wrapper.optimizer
    if type(optimizer) is not torch.optim.SGD:
        raise SettingError(
            "optim_wrapper.optimizer.type must be 'SGD' in a search, but is "
            f'{type(optimizer).__name__!r}; the alignment (Eq. 13 to 15) holds for '
            'plain gradient steps, not for rates that the optimiser adapts'
        )
    if any(group.get('maximize') for group in optimizer.param_groups):
        raise SettingError(
            'optim_wrapper.optimizer.maximize must be False in a search, but is True'
        )


def check_model(module: nn.Module) -> None:
    """Check that the network can be searched with.

    Raises:
        SettingError: If nothing in it is trained, or it mixes dtypes or devices.
    """
    kinds = {(p.dtype, p.device) for p in module.parameters() if p.requires_grad}
    if not kinds:
        raise SettingError('model has no parameter that requires a gradient')
    if len(kinds) > 1:
        raise SettingError(
            'all trained parameters of model must share one dtype and device, '
            f'but they have {sorted(map(str, kinds))}'
        )
