"""What went wrong, in one sentence, where a user can put it right."""

from __future__ import annotations

import errno
import json
import pickle
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
from mmengine.config import Config
from mmengine.registry import DATASETS

from ddas_mm.data.images import check_images
from ddas_mm.data.sources import build_dataset
from ddas_mm.errors import SearchFailed, SettingError

# What comes of reading files that are missing, damaged or not what they should be.
READING = (AssertionError, OSError, KeyError, json.JSONDecodeError, UnicodeDecodeError)
DAMAGED = (*READING, cv2.error, pickle.UnpicklingError)
UNDECODED = 'failed to load image: '  # as mmcv says it
WRONG_ARGUMENTS = ('unexpected keyword argument', 'required positional argument')


def sentence_of(error: BaseException) -> str | None:
    """Return what a user is told about an error, None where it is a programmer's.

    Args:
        error: A SettingError or SearchFailed, an error of the system (a full disk), or
            one that came while MMEngine built something from the config.
    """
    if isinstance(error, (SettingError, SearchFailed)):
        # A worker's comes back with its traceback around it.
        return str(error).strip().rpartition(f'{type(error).__name__}: ')[2]
    if isinstance(error, OSError) and error.strerror:
        named = f'{str(error.filename)!r}: ' if error.filename else ''
        hint = '; free some, or set another --work-dir' if _is_full(error) else ''
        return f'{named}{error.strerror}{hint}'
    if isinstance(error, AssertionError) and UNDECODED in str(error):
        path = str(error).rpartition(UNDECODED)[2].strip()
        return (
            f'image {path!r} cannot be decoded; put it right, or take it out of the '
            'annotations'
        )
    built = _built(error)
    if built is None:
        return None
    text = ' '.join(str(error.args[0] if error.args else error).split())
    unknown = isinstance(error, KeyError) and 'is not in the' in text
    arguments = isinstance(error, TypeError) and any(w in text for w in WRONG_ARGUMENTS)
    if unknown or arguments or isinstance(error, ValueError):
        return f'{built} cannot be built from the config: {text.partition(". ")[0]}'
    return None


@contextmanager
def causes_named(config: Config) -> Iterator[None]:
    """Say which data set or image is at fault where a run fails of reading files.

    It is looked for afterwards, so that a run without fault costs nothing.

    Args:
        config: The run's config.

    Raises:
        SettingError: With the setting and the file, instead of the error.
    """
    try:
        yield
    except (SettingError, SearchFailed):
        raise
    except Exception as error:
        if _is_full(error):
            raise
        damaged = isinstance(error, DAMAGED) or _built(error) is not None
        if damaged and _came_while_reading(error):
            _check_data(config)
        sentence = None if isinstance(error, OSError) else sentence_of(error)
        if sentence is None:
            raise
        raise SettingError(sentence) from error


def _is_full(error: BaseException) -> bool:
    return getattr(error, 'errno', None) in (errno.ENOSPC, errno.EDQUOT)


def _check_data(config: Config) -> None:
    for name in ('train_dataloader', 'val_dataloader'):  # a run reads no other
        settings = (config.get(name) or {}).get('dataset')
        if settings is not None:
            dataset = build_dataset(settings, f'{name}.dataset')
            check_images(dataset, f'{name}.dataset')


def _came_while_reading(error: BaseException) -> bool:
    """Whether a data set was being built, or a data loader asked for data."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module, function = frame.f_globals.get('__name__', ''), frame.f_code.co_name
        if module.startswith('torch.utils.data.') or function == 'full_init':
            return True
        if function == 'build_from_cfg':
            registry = frame.f_locals.get('registry')
            if getattr(registry, 'name', None) == DATASETS.name:
                return True
    return False


def _built(error: BaseException) -> str | None:
    """Return the type that MMEngine was building when the error came."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for frame in reversed(frames):
        if frame.f_code.co_name == 'build_from_cfg':
            config: Any = frame.f_locals.get('cfg')
            return str(config.get('type')) if isinstance(config, dict) else repr(config)
    return None
