"""``--data-root``: one root for every data set and evaluator of a config."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from mmengine.config import Config

from ddas_mm.errors import SettingError


def set_data_root(config: Config, root: str) -> None:
    """Set the root of the data everywhere in a config, in place.

    Every ``data_root`` becomes ``root``, and every other text that begins with one of
    the roots that stood there (an evaluator's ``ann_file``, say) begins with it.

    Raises:
        SettingError: If the config names no ``data_root``.
    """
    roots = sorted(_roots(config._cfg_dict), key=len, reverse=True)
    if not roots:
        raise SettingError(
            f'--data-root {root!r} has no effect: the config {config.filename!r} '
            'names no data_root'
        )
    _replace(config._cfg_dict, [old.rstrip('/') for old in roots], root.rstrip('/'))


def _roots(value: Any) -> set[str]:
    if isinstance(value, dict):
        found = {str(v) for k, v in value.items() if k == 'data_root' and v}
        return found.union(*map(_roots, value.values()))
    if isinstance(value, (list, tuple)):
        return set().union(*map(_roots, value))
    return set()


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
