"""What a search has seen in each epoch, from the values that MMEngine logs.

The message hub keeps every value of every step, and checkpoints keep the hub: what is
read from it here survives a resume.
"""

from __future__ import annotations

import numpy as np
from mmengine.runner import Runner

SIGNALS = ('ddas/alignment', 'ddas/helped')  # zero in steps that are skipped
SKIPPED = 'ddas/skipped'
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
    rows = {key: _rows(runner, key, epochs, steps) for key in (*SIGNALS, SKIPPED)}
    if any(row is None for row in rows.values()):
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
