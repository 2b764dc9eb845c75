"""How a policy was found: the ``search`` field of ``policy.json``."""

from __future__ import annotations

import datetime
from functools import cache
from importlib import metadata
from typing import Any

import mmengine
import torch
from mmengine.runner import Runner

import ddas_mm
from ddas_mm.engine.history import epoch_history

OPTIONAL_PACKAGES = ('mmcv', 'mmdet', 'mmpretrain')


def search_record(runner: Runner, epochs: int, seconds: float) -> dict[str, Any]:
    """Return configuration, data, cost and versions of a search.

    Args:
        runner: The runner of the search.
        epochs: Search epochs done so far.
        seconds: Wall-clock time of the search so far.
    """
    loop = runner.train_loop
    on_gpu = torch.cuda.is_available()
    return {
        'config': str(runner.cfg.filename),
        'seed': runner.seed,
        'num_train': len(loop.dataloader.dataset),
        'num_val': len(loop.val_loader.dataset),
        'num_policies': loop.num_policies,
        'world_size': runner.world_size,
        'epochs': epochs,
        'steps': runner.iter,
        'skipped_steps': loop.step_log.skipped_steps,
        'seconds': round(seconds, 1),
        'gpu_hours': round(gpu_hours(seconds, runner.world_size), 4),
        'device': torch.cuda.get_device_name() if on_gpu else 'cpu',
        'versions': {
            'ddas_mm': ddas_mm.__version__,
            'torch': torch.__version__,
            'mmengine': mmengine.__version__,
            **_installed(),
        },
        'date': datetime.datetime.now().astimezone().isoformat(timespec='seconds'),
        'history': epoch_history(runner, epochs),
    }


def gpu_hours(seconds: float, world_size: int) -> float:
    """Return the GPU hours of a search, zero where there is no GPU."""
    return seconds / 3600 * world_size if torch.cuda.is_available() else 0.0


@cache
def _installed() -> dict[str, str]:
    """Versions of the mm packages, by import name (forks have names of their own).

    Read once: going through all installed packages takes 0.3 s.
    """
    names = metadata.packages_distributions()
    return {
        name: metadata.version(names[name][0])
        for name in OPTIONAL_PACKAGES
        if name in names
    }
