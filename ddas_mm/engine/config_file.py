"""Reading a config, whatever its user has written into it."""

from __future__ import annotations

import os
from pathlib import Path

from mmengine.config import Config

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
        return Config.fromfile(path)
    except Exception as error:
        reason = ' '.join(str(error).split()) or 'no reason given'
        raise SettingError(
            f'config file {str(path)!r} cannot be read: '
            f'{type(error).__name__}: {reason}'
        ) from error
