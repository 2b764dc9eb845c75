"""What any run is refused for: its config, what is around it, its labels."""

import inspect
import os
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.hooks import CheckpointHook, Hook
from mmengine.model import is_model_wrapper
from mmengine.registry import OPTIMIZERS
from mmengine.runner import Runner

from ddas_mm import errors
from ddas_mm.errors import SettingError
from ddas_mm.randomness import generators_kept
from ddas_mm.search.contents import labels_of
from ddas_mm.search.loop import DDASLoop

TOGETHER = (
    ('train_dataloader', 'train_cfg', 'optim_wrapper'),
    ('val_dataloader', 'val_cfg', 'val_evaluator'),
    ('test_dataloader', 'test_cfg', 'test_evaluator'),
)


def check_config(config: Config) -> None:
    """Check what is seen in a config before anything is built from it.

    Raises:
        SettingError: With all that is wrong: what is missing around the run, and parts
            that MMEngine takes together or not at all.
    """
    errors.check_all(
        lambda: _check_launcher(config.get('launcher', 'none')),
        lambda: _check_randomness(config.get('randomness')),
        lambda: _check_work_dir(config.get('work_dir')),
        lambda: errors.check_value('model', config.get('model'), dict),
        lambda: check_load_from(config),
        *(partial(_check_together, config, names) for names in TOGETHER),
    )


def check_load_from(config: Config) -> None:
    """Check that the weights to start from are there.

    Raises:
        SettingError: If they are not.
    """
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
            errors.check_keys('default_hooks.checkpoint', hook.args, names)
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


def _check_launcher(launcher: str) -> None:
    missing = [v for v in VARIABLES.get(launcher, ()) if not os.environ.get(v)]
    if missing:
        raise SettingError(
            f'--launcher {launcher} needs {", ".join(missing)} in the environment; '
            f'start it by {STARTERS[launcher]}'
        )


def _check_randomness(settings: Mapping[str, Any] | None) -> None:
    if settings is not None:
        known = ('seed', 'deterministic', 'diff_rank_seed')
        errors.check_keys('randomness', settings, known)
        if settings.get('seed') is not None:
            errors.check_value('randomness.seed', settings['seed'], errors.Count)


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


TRIED = 10  # images of a label that is too large; their boxes may be cropped away


class FirstLook(Hook):
    """Refuses data with labels that the network's heads have no place for.

    They would end a run in the middle, on a GPU without a name, or be taken for the
    background. What counts are the labels that leave the pipeline, which may replace
    those of the annotations.
    """

    def before_train(self, runner: Runner) -> None:
        """Load an image of a search, and look for labels beyond the heads' classes.

        Raises:
            SettingError: With the head, the class and the data set.
        """
        model = runner.model
        model = model.module if is_model_wrapper(model) else model
        heads = [
            (module.num_classes, name)
            for name, module in model.named_modules()
            if 'Head' in type(module).__name__
            and isinstance(getattr(module, 'num_classes', None), int)
        ]
        loop = runner.train_loop
        search = isinstance(loop, DDASLoop)
        name = 'S_train' if search else 'train_dataloader.dataset'
        sets = {name: loop.dataloader.dataset}
        if search:
            sets['S_val'] = loop.val_loader.dataset
        with generators_kept():
            for name, dataset in sets.items():
                if search:  # an error tells its step here, but not from a worker
                    dataset.plain(0)
                # a training's large set is looked through where it is suspicious
                named = len(_classes(dataset))
                if heads and (search or not 0 < named <= max(heads)[0]):
                    _check_labels(name, dataset, *max(heads))


def _check_labels(name: str, dataset: Any, number: int, head: str) -> None:
    if not hasattr(dataset, 'get_data_info'):
        return
    load = getattr(dataset, 'plain', dataset.__getitem__)
    infos = map(dataset.get_data_info, range(len(dataset)))
    labels = (map(_largest, labels_of(info) or ()) for info in infos)
    large = [i for i, each in enumerate(labels) if max(each, default=-1) >= number]
    label = max((_packed(load(index)) for index in large[:TRIED]), default=-1)
    if label >= number:
        classes = _classes(dataset)
        known = f' ({classes[label]!r})' if label < len(classes) else ''
        raise SettingError(
            f'{name} has the label {label}{known}, but model.{head}.num_classes is '
            f"{number}; set it to the number of the data's classes"
        )


def _classes(dataset: Any) -> Sequence[str]:
    return getattr(dataset, 'metainfo', {}).get('classes') or ()


def _packed(sample: Any) -> int:
    """Return the largest label of a sample as the network gets it, -1 without any."""
    packed = sample.get('data_samples') if isinstance(sample, Mapping) else None
    labels = getattr(getattr(packed, 'gt_instances', None), 'labels', None)
    return max(_largest(labels), _largest(getattr(packed, 'gt_label', None)))


def _largest(labels: Any) -> int:
    """Return the largest of whole numbers; -1 of what is none, as a dict of tasks."""
    values = np.asarray(labels)
    return int(values.max()) if values.size and values.dtype.kind in 'iu' else -1
