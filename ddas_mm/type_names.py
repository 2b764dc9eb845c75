"""What the types in a config are called, however its user has written them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


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


def find_typed(value: Any) -> Iterator[Any]:
    """Yield every dict with a type in a nested config, the outer before the inner."""
    if isinstance(value, dict):
        if 'type' in value:
            yield value
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from find_typed(item)


def find_dicts(value: Any, name: str) -> Iterator[Any]:
    """Yield every dict of a type in a nested config, whatever its scope."""
    return (found for found in find_typed(value) if type_name(found) == name)
