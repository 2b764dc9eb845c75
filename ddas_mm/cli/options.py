"""Settings of the command line that a config has no place for."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import mmengine.registry
from mmengine.config import Config, DictAction
from mmengine.optim import OptimWrapper
from mmengine.registry import Registry
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from ddas_mm.augment import candidates as space
from ddas_mm.cli.parser import closest
from ddas_mm.errors import SettingError
from ddas_mm.search import splits as proxy
from ddas_mm.search.data import MM_SETTINGS, TORCH, UNUSED

LOADER = (*MM_SETTINGS, *UNUSED, *TORCH)


LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


# What sections without a type may hold, besides what they hold already.
UNTYPED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys((*LOADERS, 'train_cfg.policy_dataloader'), LOADER),
    'train_cfg.proxy': proxy.KEYS,
    'train_cfg.space': space.KEYS,
    'auto_scale_lr': ('enable', 'base_batch_size'),
    'optim_wrapper.clip_grad': ('max_norm', 'norm_type', 'error_if_nonfinite'),
}


# Whose arguments the settings of a section become, whatever its type.
CLASSES: dict[str, tuple[type, ...]] = {
    '': (Runner,),
    'optim_wrapper': (OptimWrapper,),
    'train_cfg': (EpochBasedTrainLoop, IterBasedTrainLoop),
}


# Read from a section before its type is built.
TAKEN_OUT = (
    *('type', 'priority', 'convert_to_iter_based', 'requires_grad', 'by_epoch'),
    *('constructor', 'paramwise_cfg', 'optimizer', 'model_wrapper_cfg', 'sync_bn'),
    *('auto_scale_lr', 'find_unused_parameters', 'runner_type', 'custom_imports'),
)


class Settings(DictAction):
    """``--cfg-options KEY=VALUE ...`` with an error that names what is no such pair."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Read the pairs."""
        for word in values:
            if not word.partition('=')[0] or '=' not in word:
                raise argparse.ArgumentError(self, f'{word!r} is not KEY=VALUE')
        super().__call__(parser, namespace, values, option_string)


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
        if isinstance(section, (Config, Mapping)):
            if name not in section:
                type_name = options.get(f'{place}.type', section.get('type'))
                scope = config.get('default_scope') or 'mmengine'
                meant = _meant(name, place, list(section), type_name, scope)
                if meant is not None:
                    correct = '.'.join([*names[:depth], meant, *names[depth + 1 :]])
                    raise SettingError(
                        f'--cfg-options {key}: there is no such setting; did you mean '
                        f'{correct}?'
                    )
                return
            section = section[name]
        elif isinstance(section, list):
            if not name.isdigit() or int(name) >= len(section):
                raise SettingError(
                    f'--cfg-options {key}: {place} is a list of {len(section)}, and '
                    f'{name!r} is no index of it (the first is 0)'
                )
            section = section[int(name)]
        elif f'{place}._delete_' in options:
            return
        else:
            raise SettingError(
                f'--cfg-options {key}: {place} is {section!r}, no section of settings; '
                f'with {place}._delete_=True beside it a new one is made'
            )


def _meant(
    name: str, place: str, present: list[str], type_name: Any, scope: str
) -> str | None:
    """Return the setting that a new name is a near miss of, None if it may stand."""
    classes = [*CLASSES.get(place, ()), *_classes(type_name, scope)]
    known, open_ended = {*present, *TAKEN_OUT, *UNTYPED.get(place, ())}, not classes
    for cls in classes:
        arguments, more = _arguments(cls)
        known |= set(arguments)
        open_ended |= more
    if name in known or name.startswith('_'):
        return None
    # Where other names may be accepted too, a near miss is one letter.
    meant = closest(name, known, cutoff=0.85 if open_ended or not place else 0.7)
    return None if meant and _stem(meant) == _stem(name) else meant


def _stem(name: str) -> str:
    return name.rstrip('0123456789')  # conv1 and conv2 are two names


def _classes(type_name: Any, scope: str) -> Iterator[Any]:
    """Yield what is registered under a name, in whatever registry."""
    if type_name is not None and not isinstance(type_name, str):
        yield type_name  # of a pure-Python config
        return
    for registry in vars(mmengine.registry).values():
        if type_name and isinstance(registry, Registry):
            full = type_name if '.' in type_name else f'{scope}.{type_name}'
            for key in dict.fromkeys((full, type_name)):
                try:
                    found = registry.get(key)
                except Exception:  # mm's way to say that there is none
                    continue
                if found is not None:
                    yield found
                    break


def _arguments(cls: Any) -> tuple[list[str], bool]:
    """Return the names of a type's arguments, and whether it may accept others."""
    names: list[str] = []
    own = [base.__init__ for base in getattr(cls, '__mro__', ())[:-1]]
    for number, taker in enumerate(dict.fromkeys(own) or [cls]):
        try:
            parameters = inspect.signature(taker).parameters.values()
        except (TypeError, ValueError):
            return names, True
        names += [parameter.name for parameter in parameters]
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            return names, number > 0
    return names, True
