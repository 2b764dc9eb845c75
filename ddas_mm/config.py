"""Configs: reading one, its types, its data root, its options, writing it as a file."""

import keyword
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePath
from pkgutil import resolve_name
from string import digits
from types import EllipsisType, ModuleType
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.config.lazy import LazyAttr, LazyObject
from mmengine.registry import init_default_scope

from ddas_mm.errors import SettingError, closest


def read_config(path: str | os.PathLike[str]) -> Config:
    """Read a config file.

    Raises:
        SettingError: If there is no such file, or it cannot be read: a config is
            code of the user's, so that any error in it is the user's to mend.
    """
    if not Path(path).is_file():
        what = 'is a folder' if Path(path).is_dir() else 'does not exist'
        raise SettingError(f'config file {str(path)!r} {what}')
    try:
        config = Config.fromfile(path)
    except Exception as error:
        reason = ' '.join(str(error).split()) or 'no reason given'
        raise SettingError(
            f'config file {str(path)!r} cannot be read: '
            f'{type(error).__name__}: {reason}'
        ) from error
    for name, value in list(dict.items(config._cfg_dict)):  # imports nothing yet
        if isinstance(value, ModuleType):  # left in pure-Python configs; no copy of it
            config.pop(name)
    return config


def init_scope(config: Config) -> None:
    """Let types without a scope be looked for where a runner of the config would."""
    scope = config.get('default_scope', 'mmengine')
    if scope is not None:  # a pure-Python config has none: its types are classes
        init_default_scope(scope)


def scope_of(config: Config) -> str:
    """Return the package that a config's types are of."""
    model = (config.get('model') or {}).get('type')
    return config.get('default_scope') or getattr(model, '__module__', '').split('.')[0]


def type_name(settings: Mapping[str, Any], default: str = '') -> str:
    """Return a section's type without scope or module.

    It is a text (``'mmdet.Resize'``, ``'Resize'``), or, in a pure-Python config, the
    class or function itself.

    Args:
        settings: The section.
        default: What a section without a type means.
    """
    kind = settings.get('type', default)
    return str(getattr(kind, '__name__', kind)).rpartition('.')[2]


def walk(value: Any) -> Iterator[Any]:
    """Yield every dict in a nested config, the outer before the inner."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from walk(item)


def find_typed(value: Any) -> Iterator[Any]:
    """Yield every dict with a type in a nested config, the outer before the inner."""
    return (found for found in walk(value) if 'type' in found)


def find_dicts(value: Any, name: str) -> Iterator[Any]:
    """Yield every dict of a type in a nested config, whatever its scope."""
    return (found for found in find_typed(value) if type_name(found) == name)


def set_data_root(config: Config, root: str) -> None:
    """Set the root of the data everywhere in a config, in place.

    Every ``data_root`` becomes ``root``, and every other text that begins with one of
    the roots that stood there (an evaluator's ``ann_file``, say) begins with it.

    Raises:
        SettingError: If the config names no ``data_root``.
    """
    found = {str(d['data_root']) for d in walk(config._cfg_dict) if d.get('data_root')}
    if not found:
        raise SettingError(
            f'--data-root {root!r} has no effect: the config {config.filename!r} '
            'names no data_root'
        )
    roots = [old.rstrip('/') for old in sorted(found, key=len, reverse=True)]
    _replace(config._cfg_dict, roots, root.rstrip('/'))


def _replace(value: Any, roots: list[str], new: str) -> Any:
    if isinstance(value, dict):
        for key in value:
            value[key] = _replace(value[key], roots, new)
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(_replace(item, roots, new) for item in value)
    if isinstance(value, (str, PurePath)):
        value = str(value)
        for old in roots:
            if value.rstrip('/') == old or value.startswith(f'{old}/'):
                return new + value[len(old) :]
    return value


NEAR = 0.85  # about one letter: other names may be accepted, too


def merge_options(config: Config, options: Mapping[str, Any]) -> None:
    """Put ``--cfg-options`` into a config, in place.

    Raises:
        SettingError: If one stands where the config has no place for it, or is a near
            miss of a setting that stands there. Other new settings are put in: what
            they are for decides.
    """
    for key in options:
        _check_place(config, key, options)
    config.merge_from_dict(dict(options))


def _check_place(config: Config, key: str, options: Mapping[str, Any]) -> None:
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
            stem = name.rstrip(digits)  # conv1 and conv2 are two names
            others = (key for key in section if key.rstrip(digits) != stem)
            meant = closest(name, others, NEAR)
            if meant is not None and f'{place}.type' not in options:
                correct = '.'.join([*names[:depth], meant, *names[depth + 1 :]])
                raise SettingError(
                    f'--cfg-options {key}: there is no such setting; did you mean '
                    f'{correct}?'
                )
            return


LAZY = (LazyAttr, LazyObject)  # what a pure-Python config has imported
# What Python itself writes in a way that it reads.
PLAIN = (bool, int, float, complex, str, bytes, range, EllipsisType, type(None))


def config_text(config: Config) -> str:
    """Return a config as the text of a file that reads back as the same config.

    What a pure-Python config has imported is imported again. Arrays become lists, and
    paths text.

    Raises:
        SettingError: If something in the config cannot be written: it is named.
    """
    written = _Written(config)
    failed = f'the config {config.filename!r} cannot be written to a file'
    try:
        text = written.text()
        read = _Written(Config.fromstring(text, '.py')).values
    except Exception as error:
        reason = ' '.join(str(error).split())[:200]
        raise SettingError(f'{failed}: {type(error).__name__}: {reason}') from error
    if read != written.values:
        keys = {*read, *written.values}
        changed = [k for k in keys if read.get(k) != written.values.get(k)]
        raise SettingError(f'{failed}: {", ".join(sorted(changed))} would be changed')
    return text


@dataclass(frozen=True)
class _Source:
    """Stands where the text of a value is not what MMEngine would write."""

    text: str

    def __repr__(self) -> str:
        return self.text


class _Written:
    """A config's values as MMEngine writes them right, and what they import."""

    def __init__(self, config: Config) -> None:
        self._config = config
        values = {
            key: value
            for key, value in sorted(config._to_lazy_dict().items())
            # what the file has defined for itself is no setting
            if isinstance(value, LAZY)
            or not (callable(value) or isinstance(value, ModuleType))
        }
        self._taken = set(values)
        self._imports: dict[tuple[str, str], str] = {}
        self.values = {key: self._write(value, key) for key, value in values.items()}

    def text(self) -> str:
        """Return the file's text."""
        lines = [
            f'from {module} import {name}' + (f' as {alias}' if alias != name else '')
            for (module, name), alias in sorted(self._imports.items())
        ]
        return '\n'.join([*lines, Config(self.values).pretty_text])

    def _write(self, value: Any, where: str) -> Any:
        lazy = value if isinstance(value, LAZY) else None
        if lazy is not None:
            value = lazy.build()
        if isinstance(value, (np.ndarray, np.generic)):
            value = value.tolist()
        if isinstance(value, dict):
            items = sorted(value.items(), key=lambda item: str(item[0]))
            return {
                self._key(k, where): self._write(v, f'{where}.{k}') for k, v in items
            }
        if isinstance(value, (list, tuple)):
            parts = [self._write(v, f'{where}.{i}') for i, v in enumerate(value)]
            return parts if isinstance(value, list) else tuple(parts)
        if isinstance(value, (set, frozenset)):
            parts = sorted(repr(self._write(v, where)) for v in value)
            return _Source(f'{type(value).__name__}([{", ".join(parts)}])')
        if isinstance(value, float) and not math.isfinite(value):
            return _Source(f"float('{value}')")
        value = str(value) if isinstance(value, PurePath) else value
        if isinstance(value, str) and '{{' in value:  # MMEngine would fill it in
            return _Source(repr(value).replace('{{', '{\\x7b'))
        return value if type(value) in PLAIN else self._import(value, lazy, where)

    def _key(self, key: Any, where: str) -> Any:
        written = self._write(key, where)
        is_text = isinstance(written, str)
        is_name = is_text and written.isidentifier() and not keyword.iskeyword(written)
        return written if is_name else _Source(repr(written))

    def _import(self, value: Any, lazy: Any, where: str) -> _Source:
        module: Any = getattr(value, '__module__', None)
        name = _name_of(value)
        if not _is_found(value, module, name) and lazy is not None:
            module, name = lazy.module, str(lazy)
        if not _is_found(value, module, name):
            raise SettingError(
                f'{where} of {self._config.filename!r} is {value!r}, which cannot be '
                'written to a file; use numbers, texts, lists and dicts, or what can '
                'be imported'
            )
        outer, *inner = name.split('.')
        alias = self._imports.get((module, outer), outer)
        while (module, outer) not in self._imports and alias in self._taken:
            alias += '_'
        self._imports[module, outer] = alias
        self._taken.add(alias)
        return _Source('.'.join([alias, *inner]))


def _name_of(value: Any) -> str:
    """Return under which name a value may be found in its module."""
    if isinstance(value, Enum):
        return f'{type(value).__qualname__}.{value.name}'
    name = getattr(value, '__qualname__', None)
    return name or str(value).rpartition('.')[2]  # as of torch.float32


def _is_found(value: Any, module: Any, name: str) -> bool:
    """Whether a value is what another process finds under a name in a module."""
    with suppress(ImportError, AttributeError, ValueError):
        return module != '__main__' and resolve_name(f'{module}:{name}') is value
    return False
