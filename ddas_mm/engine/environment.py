"""What a run needs around it: variables of its launcher, a folder, a seed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ddas_mm.errors import SettingError, check_integer, check_keys

VARIABLES = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'),
    'mpi': ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'MASTER_ADDR'),
}
STARTERS = {'pytorch': 'tools/dist_*.sh or torchrun', 'slurm': 'srun', 'mpi': 'mpirun'}


def tool_path(name: str) -> str:
    """Return the path of a tool, as it is typed in the current folder.

    Args:
        name: Its path in the folder of the tools, which lies beside the package in a
            checkout and inside of a package that was installed from a wheel.
    """
    package, here = Path(__file__).resolve().parents[1], Path.cwd()
    inside = package / '.mim'
    path = (inside if inside.is_dir() else package.parent) / 'tools' / name
    path = path.resolve()  # of an editable install, which has links to the checkout
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def check_environment(config: Config) -> None:
    """Check what MMEngine would only stumble over while it starts.

    Raises:
        SettingError: If the launcher's variables are missing, the work_dir cannot be
            written to, or the seed is none.
    """
    launcher = config.get('launcher', 'none')
    missing = [v for v in VARIABLES.get(launcher, ()) if not os.environ.get(v)]
    if missing:
        raise SettingError(
            f'--launcher {launcher} needs {", ".join(missing)} in the environment; '
            f'start it by {STARTERS[launcher]}'
        )
    _check_randomness(config.get('randomness'))
    _check_work_dir(config.get('work_dir'))


def _check_randomness(settings: Mapping[str, Any] | None) -> None:
    if settings is not None:
        check_keys('randomness', settings, ('seed', 'deterministic', 'diff_rank_seed'))
        if settings.get('seed') is not None:
            check_integer('randomness.seed', settings['seed'], 0)


def _check_work_dir(folder: Any) -> None:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, TypeError) as error:
        reason = getattr(error, 'strerror', error)
        raise SettingError(
            f'work_dir {folder!r} cannot be written to: {reason}; set '
            'another (--work-dir)'
        ) from error
