"""Reading and writing policies: ``policy.json`` and dicts in configs.

The format is ``{"format": "ddas-policy", "version": 1, "table", "constants",
"candidates", "depth", "total_prob", "total_prob_raw", "op_probs", "search"}``.
Whatever is wrong with a policy is found here, with field and value.
"""

from __future__ import annotations

import glob
import json
import math
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ddas_mm.core.schedule import PolicySchedule
from ddas_mm.core.space import Candidate, SearchSpace
from ddas_mm.errors import SettingError

FORMAT = 'ddas-policy'
VERSION = 1
REQUIRED = ('table', 'candidates', 'depth', 'total_prob', 'op_probs')
OPTIONAL = ('format', 'version', 'constants', 'total_prob_raw', 'search')
# Emitted configs round to 6 digits; 1e-3 is far above that and far below a mistake.
SUM_TOLERANCE = 1e-3
STALE = 600.0  # seconds after which nobody is writing a temporary file any more


def policy_to_dict(schedule: PolicySchedule) -> dict[str, Any]:
    """Return the schedule in the file format, as plain Python values."""
    return {
        'format': FORMAT,
        'version': VERSION,
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
    if not isinstance(data, Mapping):
        raise SettingError(
            f'{source}: a policy must be a dict, but is {type(data).__name__}'
        )
    _check_fields(data, source)
    candidates = tuple(
        _candidate(value, f'{source}: candidates[{k}]')
        for k, value in enumerate(_sequence(data['candidates'], source, 'candidates'))
    )
    constants = data.get('constants', {})
    search = data.get('search', {})
    for name, value in (('constants', constants), ('search', search)):
        if not isinstance(value, Mapping):
            raise SettingError(f'{source}: {name} must be a dict, but is {value!r}')
    if not isinstance(data['table'], str):
        raise SettingError(
            f'{source}: table must be the name of an operation table, '
            f'but is {data["table"]!r}'
        )
    try:
        space = SearchSpace(data['table'], candidates, data['depth'], dict(constants))
    except SettingError as error:
        raise SettingError(f'{source}: {error}') from None
    total_prob = _probabilities(data['total_prob'], source, 'total_prob')
    raw = data.get('total_prob_raw', data['total_prob'])
    total_prob_raw = _probabilities(raw, source, 'total_prob_raw')
    op_probs = _rows(data['op_probs'], len(space), source)
    for name, value in (('total_prob_raw', total_prob_raw), ('op_probs', op_probs)):
        if len(value) != len(total_prob):
            raise SettingError(
                f'{source}: {name} has {len(value)} rows, '
                f'but total_prob has {len(total_prob)}'
            )
    return PolicySchedule(space, total_prob, total_prob_raw, op_probs, dict(search))


def read_policy(path: str | os.PathLike[str]) -> PolicySchedule:
    """Read a ``policy.json``.

    Raises:
        SettingError: If the file is missing, is no JSON, or holds no valid policy.
    """
    try:
        text = Path(path).read_bytes().decode('utf-8')
    except OSError as error:
        raise SettingError(
            f'policy file {str(path)!r} cannot be read: {error.strerror}'
        ) from None
    except UnicodeDecodeError:
        raise SettingError(
            f'policy file {str(path)!r} is not a text file; '
            'give the policy.json that a search has written'
        ) from None
    try:
        data = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise SettingError(
            f'policy file {str(path)!r} is not valid JSON: {error}'
        ) from None
    return policy_from_dict(data, str(path))


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


def write_atomically(path: str | os.PathLike[str], text: str) -> None:
    """Replace a text file so that a reader or a kill never meets half of it.

    What killed writers of the file have left beside it is removed.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f'.{path.name}.')
    try:
        with os.fdopen(handle, 'w', encoding='utf-8') as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException as error:
        os.unlink(name)
        if isinstance(error, OSError):  # of a full disk: tells no file by itself
            error.filename = str(path)
        raise
    for left in path.parent.glob(glob.escape(f'.{path.name}.') + '*'):
        with suppress(OSError):  # another process may remove it, too
            if time.time() - left.stat().st_mtime > STALE:
                left.unlink()


def _dumps(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def _check_fields(data: Mapping[str, Any], source: str) -> None:
    for name in REQUIRED:
        if name not in data:
            raise SettingError(f'{source}: field {name!r} is missing')
    for name in data:
        if name not in REQUIRED + OPTIONAL:
            raise SettingError(
                f'{source}: unknown field {name!r}; '
                f'known are {", ".join(REQUIRED + OPTIONAL)}'
            )
    for name, expected in (('format', FORMAT), ('version', VERSION)):
        found = data.get(name, expected)
        if found != expected or isinstance(found, bool):
            raise SettingError(
                f'{source}: {name} must be {expected!r}, but is {found!r}'
            )


def _sequence(value: Any, source: str, name: str) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)) or not value:
        raise SettingError(
            f'{source}: {name} must be a list with at least one entry, but is {value!r}'
        )
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _candidate(value: Any, where: str) -> Candidate:
    pair = isinstance(value, (list, tuple)) and len(value) == 2
    if not pair or not isinstance(value[0], str):
        raise SettingError(
            f'{where} must be a pair of operation name and level, but is {value!r}'
        )
    name, level = value
    if level is not None and not (_is_number(level) and 0 <= level < math.inf):
        raise SettingError(
            f'{where}: the level of {name!r} must be a number of at least 0 '
            f'or null, but is {level!r}'
        )
    return name, level


def _probabilities(values: Any, source: str, name: str) -> NDArray[np.float64]:
    for index, value in enumerate(_sequence(values, source, name)):
        if not _is_number(value) or not 0 <= value <= 1:
            raise SettingError(
                f'{source}: {name}[{index}] must be a probability in [0, 1], '
                f'but is {value!r}'
            )
    return np.array(values, dtype=np.float64)


def _rows(values: Any, width: int, source: str) -> NDArray[np.float64]:
    rows = []
    for index, value in enumerate(_sequence(values, source, 'op_probs')):
        row = _probabilities(value, source, f'op_probs[{index}]')
        if len(row) != width:
            raise SettingError(
                f'{source}: op_probs[{index}] has {len(row)} entries, '
                f'but there are {width} candidates'
            )
        if abs(row.sum() - 1) > SUM_TOLERANCE:
            raise SettingError(
                f'{source}: op_probs[{index}] must sum to 1, '
                f'but sums to {row.sum():.6g}'
            )
        rows.append(row)
    return np.array(rows)
