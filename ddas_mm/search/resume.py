"""Which checkpoint a run goes on from, and whether it fits the run."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config

from ddas_mm.errors import SettingError

CHECKPOINT = re.compile(r'(epoch|iter)_\d+\.pth')


def prepare_resume(config: Config) -> str | None:
    """Choose the checkpoint of ``resume`` and take over its seed, in place.

    MMEngine by itself takes what the file ``last_checkpoint`` names, although a kill
    may have left either half written, and reads the seed only when the samplers are
    built.

    Returns:
        A line for the log, where there is something to tell.

    Raises:
        SettingError: If ``load_from`` names a file that is missing or damaged.
    """
    if not config.get('resume'):
        return None
    named = config.get('load_from')
    if named is not None and '://' in named:
        return None
    damaged = []
    for path in newest_first(config) if named is None else [Path(named)]:
        checkpoint = _read(path)
        if checkpoint is not None:
            config.load_from = str(path)
            _take_seed(config, checkpoint)
            break
        damaged.append(path.name)
    else:
        if named is not None:
            what = 'is damaged or no checkpoint' if path.is_file() else 'does not exist'
            raise SettingError(
                f'--resume: checkpoint {named!r} {what}; --resume without a path takes '
                'the newest one that is whole'
            )
        config.resume, config.load_from = False, config.get('begin_from')
    found = config.load_from if config.resume else 'nowhere, from the beginning'
    if not config.resume and config.load_from:
        found += f' with the weights of {config.load_from}'
    why = f'; {", ".join(damaged)} cannot be read (a kill while writing?)'
    return f'Resuming from {found}{why if damaged else ""}'


def check_fits(
    file: str | None, checkpoint: Mapping[str, Any], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the state of the search in a checkpoint that can be gone on from.

    Args:
        file: Name of the checkpoint, for the message.
        checkpoint: What it holds.
        facts: :meth:`DDASLoop.facts` of the present search.

    Raises:
        SettingError: If it is of a training, of another search, or incomplete.
    """
    file = file or 'the checkpoint'
    state = checkpoint.get('ddas')
    if state is None:
        raise SettingError(f'{file} is no checkpoint of a search: it holds no policy')
    for name, value in facts.items():
        before = state['facts'].get(name)
        if before != value:
            values = f' ({before}, now {value})' if isinstance(value, int) else ''
            raise SettingError(
                f'{file} was searched with another {name}{values}; resume with '
                'the one that the search was started with, or start anew'
            )
    if 'optimizer' not in checkpoint:
        raise SettingError(
            f'{file} holds no state of the optimiser, without which a search cannot '
            'be resumed; save checkpoints with save_optimizer=True'
        )
    return state


def newest_first(config: Config) -> Iterator[Path]:
    """Yield the run's checkpoints, the last written first."""
    work_dir = Path(config.work_dir)
    folders = {work_dir}
    hook = (config.get('default_hooks') or {}).get('checkpoint') or {}
    if hook.get('out_dir'):
        folders.add(Path(hook['out_dir']) / work_dir.name)
    # A name of a custom filename_tmpl shows only in MMEngine's pointer.
    pointer = work_dir / 'last_checkpoint'
    named = Path(pointer.read_text().strip()).name if pointer.is_file() else ''
    files = {path for folder in folders for path in folder.glob('*')}
    found = (path for path in files if path.name == named or is_checkpoint(path))
    yield from sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)


def is_checkpoint(path: Path) -> bool:
    """Return whether a file is named as MMEngine names checkpoints."""
    return CHECKPOINT.fullmatch(path.name) is not None


def _read(path: Path) -> dict[str, Any] | None:
    """Return what a checkpoint holds, or None where it is damaged."""
    try:
        # MMEngine reads checkpoints the same way: they hold more than tensors.
        checkpoint = torch.load(path, map_location='cpu', weights_only=False)
    except Exception:  # whatever half a file makes of the unpickler
        return None
    whole = isinstance(checkpoint, dict) and 'state_dict' in checkpoint
    return checkpoint if whole else None


def _take_seed(config: Config, checkpoint: Mapping[str, Any]) -> None:
    """Go on with the seed that was drawn, where the config sets none."""
    randomness = dict(config.get('randomness') or {})
    seed = checkpoint.get('meta', {}).get('seed')
    if randomness.get('seed') is None and seed is not None:
        config.randomness = {**randomness, 'seed': seed}
