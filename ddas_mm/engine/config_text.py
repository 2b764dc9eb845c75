"""A config as the text of a file that reads back as the same config."""

from __future__ import annotations

import importlib
import keyword
import math
from dataclasses import dataclass
from functools import reduce
from pathlib import PurePath
from types import EllipsisType, ModuleType
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.config.lazy import LazyAttr, LazyObject

from ddas_mm.errors import SettingError

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
        values = config._to_lazy_dict()
        self._taken = set(values)
        self._imports: dict[tuple[str, str], str] = {}
        self.values = {
            key: self._write(value, key)
            for key, value in sorted(values.items())
            # what the file has defined for itself is no setting
            if isinstance(value, LAZY)
            or not (callable(value) or isinstance(value, ModuleType))
        }

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
        is_name = isinstance(written, str) and written.isidentifier()
        if is_name and not keyword.iskeyword(written):
            return written
        return _Source(repr(written))

    def _import(self, value: Any, lazy: Any, where: str) -> _Source:
        module = getattr(value, '__module__', None)
        name = getattr(value, '__qualname__', None)
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


def _is_found(value: Any, module: Any, name: Any) -> bool:
    """Whether a value is what another process finds under a name in a module."""
    if module in (None, '__main__') or name is None:
        return False
    try:
        return (
            reduce(getattr, name.split('.'), importlib.import_module(module)) is value
        )
    except (ImportError, AttributeError):
        return False
