"""Settings of the command line that a config has no place for."""

import argparse
import inspect
from collections.abc import Iterator, Mapping
from contextlib import suppress
from string import digits
from typing import Any

import mmengine.registry
from mmengine.config import Config
from mmengine.optim import OptimWrapper
from mmengine.registry import Registry
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner
from torch.utils.data import DataLoader

from ddas_mm.errors import SettingError, closest
from ddas_mm.search.splits import Proxy

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
# Whose arguments the settings of a section become, besides those of its type.
CLASSES: dict[str, tuple[Any, ...]] = {
    '': (Runner,),
    'optim_wrapper': (OptimWrapper,),
    'train_cfg': (EpochBasedTrainLoop, IterBasedTrainLoop),
    'train_cfg.proxy': (Proxy,),
    **dict.fromkeys((*LOADERS, 'train_cfg.policy_dataloader'), (DataLoader,)),
}
NEAR = 0.85  # about one letter: other names may be accepted, too


def key_value(word: str) -> str:
    """Return a word of ``--cfg-options`` if it is ``KEY=VALUE``, for argparse."""
    if not word.partition('=')[0] or '=' not in word:
        raise argparse.ArgumentTypeError(f'{word!r} is not KEY=VALUE')
    return word


def merge_options(config: Config, options: Mapping[str, Any]) -> None:
    """Put ``--cfg-options`` into a config, in place.

    Raises:
        SettingError: If one stands where the config has no place for it, or is a near
            miss of a setting that there is. Other new settings are put in: what knows
            them decides.
    """
    for key in options:
        _check(config, key, options)
    config.merge_from_dict(dict(options))


def _check(config: Config, key: str, options: Mapping[str, Any]) -> None:
    section: Any = config
    names = key.split('.')
    for depth, name in enumerate(names):
        place = '.'.join(names[:depth])
        if isinstance(section, list):
            if not name.isdigit() or int(name) >= len(section):
                raise SettingError(
                    f'--cfg-options {key}: {place} is a list of {len(section)}, and '
                    f'{name!r} is no index of it (the first is 0)'
                )
            section = section[int(name)]
        elif not isinstance(section, (Config, Mapping)):
            if f'{place}._delete_' in options:
                return
            raise SettingError(
                f'--cfg-options {key}: {place} is {section!r}, no section of settings; '
                f'with {place}._delete_=True beside it a new one is made'
            )
        elif name in section:
            section = section[name]
        else:
            kind = options.get(f'{place}.type', section.get('type'))
            scope = config.get('default_scope') or 'mmengine'
            classes = (*CLASSES.get(place, ()), *_classes(kind, scope))
            meant = _meant(name, {*section, *(a for c in classes for a in _names(c))})
            if meant is not None:
                correct = '.'.join([*names[:depth], meant, *names[depth + 1 :]])
                raise SettingError(
                    f'--cfg-options {key}: there is no such setting; did you mean '
                    f'{correct}?'
                )
            return


def _meant(name: str, known: set[str]) -> str | None:
    """Return the setting that a new name is a near miss of, None if it may stand."""
    if name in known or name.startswith('_'):
        return None
    stem = name.rstrip(digits)  # conv1 and conv2 are two names
    return closest(name, (one for one in known if one.rstrip(digits) != stem), NEAR)


def _classes(kind: Any, scope: str) -> list[Any]:
    """Return what is registered under a name, in whatever registry."""
    if not isinstance(kind, str):
        return [kind] if kind else []  # of a pure-Python config
    found = []
    for registry in vars(mmengine.registry).values():
        if isinstance(registry, Registry):
            for name in (kind, f'{scope}.{kind}'):
                with suppress(Exception):  # mm's way to say that there is none
                    found.append(registry.get(name))
    return [one for one in found if one is not None]


def _names(kind: Any) -> Iterator[str]:
    """Yield the names of a type's arguments, its bases' too."""
    bases = getattr(kind, '__mro__', ())
    for taker in (kind, *(base.__init__ for base in bases)):
        with suppress(TypeError, ValueError):  # of a type that is not Python's
            yield from inspect.signature(taker).parameters
