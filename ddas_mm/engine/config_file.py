"""Reading a config, whatever its user has written into it."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

from mmengine.config import Config
from mmengine.registry import init_default_scope

from ddas_mm.errors import SettingError


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
