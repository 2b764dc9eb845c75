"""``split.json``: which images a search took, to take the same ones again.

The format is ``{"format": "ddas-split", "version": 1, "train": {...}, "val": {...}}``
with ``size`` of the data set, ``indices``, and ``digest`` of what they stand for, so
that another data set, or another order of its images, is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ddas_mm.core.policy_file import write_atomically
from ddas_mm.errors import SettingError

FORMAT, VERSION = 'ddas-split', 1


def write_split(path: Path, train: Any, val: Any) -> None:
    """Write the indices of S_train and S_val.

    Args:
        path: The file.
        train: S_train, a part (``indices``) of a data set (``dataset``).
        val: S_val, the same.
    """
    parts = {
        name: {
            'size': len(part.dataset),
            'digest': _digest(part.dataset, part.indices),
            'indices': part.indices,
        }
        for name, part in (('train', train), ('val', val))
    }
    content = {'format': FORMAT, 'version': VERSION, **parts}
    write_atomically(path, json.dumps(content) + '\n')


def read_split(
    path: Any, train: Any, val: Any, own: bool
) -> tuple[list[int], list[int]]:
    """Read the indices of S_train and S_val.

    Args:
        path: The file, ``train_cfg.proxy.split_file``.
        train: The built data set of the training.
        val: The built data set that S_val comes from.
        own: Whether S_val is a data set of its own, whose indices are its own too.

    Raises:
        SettingError: If the file is missing or damaged, or of other data.
    """
    where = f'train_cfg.proxy.split_file {str(path)!r}'
    try:
        content = json.loads(Path(path).read_text(encoding='utf-8'))
    except (OSError, TypeError) as error:
        reason = getattr(error, 'strerror', error)
        raise SettingError(f'{where} cannot be read: {reason}') from None
    except (ValueError, RecursionError) as error:
        raise SettingError(f'{where} is not valid JSON: {error}') from None
    if not isinstance(content, dict) or content.get('format') != FORMAT:
        raise SettingError(f'{where} is no split; give the split.json of a search')
    if content.get('version') != VERSION:
        raise SettingError(
            f'{where} has version {content.get("version")!r}; known is {VERSION}'
        )
    train_indices = _checked(content.get('train'), f'{where}: train', train)
    val_indices = _checked(content.get('val'), f'{where}: val', val)
    both = set(train_indices) & set(val_indices)
    if both and not own:
        raise SettingError(f'{where}: image {min(both)} is in train and in val')
    return train_indices, val_indices


def _checked(part: Any, where: str, dataset: Any) -> list[int]:
    indices = part.get('indices') if isinstance(part, dict) else None
    if not isinstance(indices, list) or not indices:
        raise SettingError(f'{where} must hold a list of indices')
    if part.get('size') != len(dataset):
        raise SettingError(
            f'{where} is of a data set of {part.get("size")} images, '
            f'but the one of this search has {len(dataset)}'
        )
    for index in indices:
        if type(index) is not int or not 0 <= index < len(dataset):
            raise SettingError(
                f'{where}: indices must be integers from 0 to {len(dataset) - 1}, '
                f'but one is {index!r}'
            )
    if len(set(indices)) != len(indices):
        raise SettingError(f'{where}: indices must not be given twice')
    if part.get('digest') != _digest(dataset, indices):
        raise SettingError(
            f'{where} is of other images, or of the same in another order'
        )
    return indices


def _digest(dataset: Any, indices: Sequence[int]) -> str:
    """Return a digest of the images' file names and classes, whatever the folder."""
    digest = hashlib.sha1()
    for index in indices:
        info = dataset.get_data_info(index)
        name = Path(info.get('img_path', '')).name
        digest.update(f'{name}/{info.get("gt_label")}\n'.encode())
    return digest.hexdigest()
