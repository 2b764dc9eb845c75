"""Reading and writing policies: ``policy.json`` and dicts in configs.

The format is ``{"format": "ddas-policy", "version": 1, "table", "constants",
"candidates", "depth", "total_prob", "total_prob_raw", "op_probs", "search"}``.
Whatever is wrong with a policy is found here, with field and value.
"""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta, Struct

from ddas_mm.errors import SettingError, check_keys, check_known, typed
from ddas_mm.files import read_json, write_atomically
from ddas_mm.policy.schedule import PolicySchedule
from ddas_mm.policy.space import SearchSpace

Probability = Annotated[float, Meta(ge=0, le=1)]
Level = Annotated[float, Meta(ge=0, le=1e9)]  # finite
Row = Annotated[list[Probability], Meta(min_length=1)]
# Emitted configs round to 6 digits; 1e-3 is far above that and far below a mistake.
SUM_TOLERANCE = 1e-3
SHIPPED = 'ddas_mm://'  # before the name of a policy that comes with the package


class PolicyFile(Struct, kw_only=True):
    """What the format holds, for T rows and K candidates."""

    format: Annotated[str, Meta(pattern='^ddas-policy$')] = 'ddas-policy'
    version: Annotated[int, Meta(ge=1, le=1)] = 1
    table: str
    constants: dict[str, Any] = {}
    candidates: Annotated[list[tuple[str, Level | None]], Meta(min_length=1)]
    depth: Annotated[int, Meta(ge=1)]
    total_prob: Row
    total_prob_raw: Row | None = None
    op_probs: Annotated[list[Row], Meta(min_length=1)]
    search: dict[str, Any] = {}


def policy_to_dict(schedule: PolicySchedule) -> dict[str, Any]:
    """Return the schedule in the file format, as plain Python values."""
    return {
        'format': 'ddas-policy',
        'version': 1,
        'table': schedule.space.table,
        'constants': dict(schedule.space.constants),
        'candidates': [list(candidate) for candidate in schedule.space.candidates],
        'depth': schedule.space.depth,
        'total_prob': schedule.total_prob.tolist(),
        'total_prob_raw': schedule.total_prob_raw.tolist(),
        'op_probs': schedule.op_probs.tolist(),
        'search': schedule.search,
    }


def policy_from_dict(data: Any, source: str = 'policy') -> PolicySchedule:
    """Check a policy in the file format and return its schedule.

    Args:
        data: What a file or a config holds.
        source: Where it came from; error messages begin with it.

    Raises:
        SettingError: With the field and the value that are wrong.
    """
    check_keys(f'{source}: a policy', data, PolicyFile.__struct_fields__)
    file = typed(data, PolicyFile, source)
    for index, row in enumerate(file.op_probs):
        if len(row) != len(file.candidates):
            raise SettingError(
                f'{source}: op_probs[{index}] has {len(row)} entries, '
                f'but there are {len(file.candidates)} candidates'
            )
        if abs(sum(row) - 1) > SUM_TOLERANCE:
            raise SettingError(
                f'{source}: op_probs[{index}] must sum to 1, but sums to {sum(row):.6g}'
            )
    raw = file.total_prob if file.total_prob_raw is None else file.total_prob_raw
    total_prob, raw_prob, op_probs = (
        np.array(rows, np.float64) for rows in (file.total_prob, raw, file.op_probs)
    )
    try:
        candidates = tuple(file.candidates)
        space = SearchSpace(file.table, candidates, file.depth, file.constants)
        return PolicySchedule(space, total_prob, raw_prob, op_probs, file.search)
    except SettingError as error:
        raise SettingError(f'{source}: {error}') from None


def read_policy(path: str | os.PathLike[str]) -> PolicySchedule:
    """Read a ``policy.json``, or by ``ddas_mm://NAME`` one that the package brings.

    Raises:
        SettingError: If the file is missing, is no JSON, or holds no valid policy.
    """
    file = _shipped(str(path)) if str(path).startswith(SHIPPED) else path
    data = read_json(file, f'policy file {str(path)!r}')
    return policy_from_dict(data, str(path))


def _shipped(name: str) -> Path:
    files = sorted((Path(__file__).parents[1] / 'policies').glob('*.json'))
    known = {f'{SHIPPED}{file.stem}': file for file in files}
    check_known('a policy of the package', name, known)
    return known[name]


def write_policy(schedule: PolicySchedule, path: str | os.PathLike[str]) -> None:
    """Write ``policy.json`` atomically, one row of probabilities per line."""
    data = policy_to_dict(schedule)
    lines = []
    for name, value in data.items():
        if name in ('candidates', 'op_probs'):
            rows = ',\n'.join(f'  {_dumps(row)}' for row in value)
            lines.append(f' {_dumps(name)}: [\n{rows}\n ]')
        else:
            lines.append(f' {_dumps(name)}: {_dumps(value)}')
    write_atomically(path, '{\n' + ',\n'.join(lines) + '\n}\n')


def _dumps(value: Any) -> str:
    return json.dumps(value, allow_nan=False)
