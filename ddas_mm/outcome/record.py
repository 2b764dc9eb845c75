"""How a policy was found: the ``search`` field of ``policy.json``."""

import datetime
import sys
from typing import Any

import mmengine
import numpy as np
import torch
from mmengine.runner import Runner

import ddas_mm
from ddas_mm.policy.effects import effects_to_list
from ddas_mm.search.log import SIGNALS, SKIPPED

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
    loaded = [name for name in OPTIONAL_PACKAGES if name in sys.modules]
    return {
        'config': str(runner.cfg.filename),
        'seed': runner.seed,
        'num_train': len(loop.dataloader.dataset),
        'num_val': len(loop.val_loader.dataset),
        'num_policies': loop.num_policies,
        'policy_follows_lr': loop.policy_follows_lr,
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
            **{name: sys.modules[name].__version__ for name in loaded},
        },
        'date': datetime.datetime.now().astimezone().isoformat(timespec='seconds'),
        'history': epoch_history(runner, epochs),
        'effects': effects_to_list(loop.effects, loop.space.labels),
    }


def gpu_hours(seconds: float, world_size: int) -> float:
    """Return the GPU hours of a search, zero where there is no GPU."""
    return seconds / 3600 * world_size if torch.cuda.is_available() else 0.0


RATE = 'lr'  # of the first parameter group, as MMEngine logs it
DIGITS = 6  # significant


def epoch_history(runner: Runner, epochs: int) -> dict[str, list[float]]:
    """Return values per search epoch, or nothing where the hub does not hold all.

    Args:
        runner: The runner of the search.
        epochs: Search epochs done so far, T.

    Returns:
        T values each of ``alignment``, the mean of ``|d_l| / eta_0``; ``helped``, the
        share of sampled policies with ``d_l < 0``; both over the steps that were not
        skipped; ``skipped_steps``; and ``learning_rate``, the network's mean.
    """
    steps = len(runner.train_loop.dataloader)
    found = {key: _rows(runner, key, epochs, steps) for key in (*SIGNALS, SKIPPED)}
    rows = {key: row for key, row in found.items() if row is not None}
    if len(rows) < len(found):
        return {}
    skipped = np.diff(rows[SKIPPED][:, -1], prepend=0)
    counted = np.maximum(steps - skipped, 1)
    means = {key: rows[key].sum(axis=1) / counted for key in SIGNALS}
    history = {
        **{key.partition('/')[2]: _rounded(mean) for key, mean in means.items()},
        'skipped_steps': skipped.astype(int).tolist(),
    }
    rates = _rows(runner, RATE, epochs, steps)  # RuntimeInfoHook's, which may be off
    if rates is not None:
        history['learning_rate'] = _rounded(rates.mean(axis=1))
    return history


def _rows(runner: Runner, key: str, epochs: int, steps: int) -> np.ndarray | None:
    """(T, steps) values of a log key."""
    buffer = runner.message_hub.log_scalars.get(f'train/{key}')
    values = () if buffer is None else buffer.data[0]
    if len(values) < epochs * steps:
        return None
    return np.reshape(values[len(values) - epochs * steps :], (epochs, steps))


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f'{value:.{DIGITS}g}') for value in values]
