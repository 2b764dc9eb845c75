"""The tables of operations, and where users add their own."""

from __future__ import annotations

import difflib

from .classification import CLASSIFICATION
from .detection import DETECTION
from .spec import OpSpec

TABLES: dict[str, dict[str, OpSpec]] = {
    'classification': {spec.name: spec for spec in CLASSIFICATION},
    'detection': {spec.name: spec for spec in DETECTION},
}
"""Table name -> operation name -> row."""


def get_op(table: str, name: str) -> OpSpec:
    """Return a row.

    Raises:
        ValueError: Unknown table or name; the message names close matches.
    """
    rows = _rows(table)
    if name not in rows:
        raise ValueError(
            f'table {table!r} has no operation {name!r}{_suggestion(name, table)}; '
            f'own operations are added by ddas_mm.ops.register_op'
        )
    return rows[name]


def register_op(table: str, spec: OpSpec) -> OpSpec:
    """Add an operation of the user's own, for instance from a config's imports.

    It has to run in each process that uses the operation; a module named in the
    config's ``custom_imports`` does. Returns ``spec``.

    Raises:
        TypeError: ``spec`` is no :class:`OpSpec`.
        ValueError: Unknown table, or the name is taken.
    """
    rows = _rows(table)
    if not isinstance(spec, OpSpec):
        raise TypeError(f'spec must be an OpSpec, but got {type(spec).__name__}')
    if spec.name in rows:
        raise ValueError(
            f'table {table!r} has an operation {spec.name!r} already; choose another '
            'name'
        )
    rows[spec.name] = spec
    return spec


def _rows(table: str) -> dict[str, OpSpec]:
    if table not in TABLES:
        raise ValueError(f'table must be one of {sorted(TABLES)}, but got {table!r}')
    return TABLES[table]


def _suggestion(name: str, table: str) -> str:
    here = difflib.get_close_matches(str(name), TABLES[table], n=3, cutoff=0.5)
    elsewhere = [other for other in TABLES if name in TABLES[other]]
    hint = f'; did you mean {" or ".join(map(repr, here))}?' if here else ''
    return hint + (f' (it is in table {elsewhere[0]!r})' if elsewhere else '')
