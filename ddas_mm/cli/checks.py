"""What any run is refused for: what is seen in its config and around it."""

from __future__ import annotations

import inspect
import os
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.hooks import CheckpointHook
from mmengine.registry import OPTIMIZERS
from mmengine.runner import Runner

from ddas_mm.config import type_name
from ddas_mm.errors import (
    SettingError,
    check_all,
    check_integer,
    check_keys,
    check_kind,
)


def check_config(config: Config) -> None:
    """Check what is seen in a config before anything is built from it.

    Raises:
        SettingError: With all that is wrong: what is missing around the run, and parts
            that MMEngine takes together or not at all.
    """
    parts = {
        'train': ('train_dataloader', 'train_cfg', 'optim_wrapper'),
        'val': ('val_dataloader', 'val_cfg', 'val_evaluator'),
        'test': ('test_dataloader', 'test_cfg', 'test_evaluator'),
    }
    check_all(
        lambda: check_environment(config),
        lambda: check_kind('model', config.get('model'), dict),
        lambda: _check_load_from(config),
        *(partial(_check_together, config, names) for names in parts.values()),
        lambda: _check_device(config),
    )


def _check_load_from(config: Config) -> None:
    file = config.get('load_from')
    named = file and not config.get('resume')  # that has a check of its own
    if named and '://' not in str(file) and not Path(str(file)).is_file():
        raise SettingError(f'load_from {file!r} does not exist')


def _check_together(config: Config, names: Sequence[str]) -> None:
    given = [name for name in names if config.get(name) is not None]
    missing = [name for name in names if name not in given]
    if given and missing:
        raise SettingError(
            f'{" and ".join(missing)} must be set beside {" and ".join(given)}; set '
            f'all three, or all to None'
        )


def _check_device(config: Config) -> None:
    name = type_name(config.get('optim_wrapper') or {})
    search = type_name(config.get('train_cfg') or {}) == 'DDASLoop'
    if name == 'AmpOptimWrapper' and not search and get_device() == 'cpu':
        raise SettingError(
            "optim_wrapper.type 'AmpOptimWrapper' (--amp) scales losses, which needs a "
            "GPU; there is none, so take 'OptimWrapper'"
        )


def check_any_run(runner: Runner) -> None:
    """Check what MMEngine would tell late or not clearly, in a training too.

    Raises:
        SettingError: If the optimiser is not registered, or a key of the checkpoint
            hook is not known, which would end a run at its first checkpoint.
    """
    init, save = CheckpointHook.__init__, Runner.save_checkpoint
    known = {**inspect.signature(init).parameters, **inspect.signature(save).parameters}
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook):
            names = [name for name in known if name not in ('self', 'kwargs')]
            check_keys('default_hooks.checkpoint', hook.args, names)
    settings = runner.optim_wrapper
    if isinstance(settings, dict) and 'constructor' not in settings:
        name = (settings.get('optimizer') or {}).get('type')
        with OPTIMIZERS.switch_scope_and_registry(None) as registry:  # the default's
            if isinstance(name, str) and registry.get(name) is None:
                raise SettingError(
                    f'optim_wrapper.optimizer.type {name!r} is not a known optimiser'
                )


VARIABLES = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'),
    'mpi': ('OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'MASTER_ADDR'),
}


STARTERS = {'pytorch': 'tools/dist_*.sh or torchrun', 'slurm': 'srun', 'mpi': 'mpirun'}


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
