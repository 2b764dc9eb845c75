"""What is told of a run that is stopped: what it leaves, and how it goes on."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path

from mmengine.config import Config

from ddas_mm.core import read_policy
from ddas_mm.engine.resume import newest_first
from ddas_mm.type_names import type_name

COMMAND = 'DDAS_COMMAND'  # the command that a launching script was called by


def how_to_go_on(config: Config) -> Callable[[], str]:
    """Return what says, whenever it is called, how a run that begins now goes on.

    Args:
        config: The run's config, before its checkpoint is chosen.
    """
    began, resumes = time.time(), bool(config.get('resume'))
    named = config.get('load_from') if resumes else None
    policy = Path(config.work_dir, 'policy.json')

    def is_its_own(path: Path) -> bool:
        return path.is_file() and (path.stat().st_mtime >= began or resumes)

    def words() -> str:
        lines = []
        if type_name(config.get('train_cfg') or {}) == 'DDASLoop':
            done = len(read_policy(policy)) if is_its_own(policy) else 0
            lines.append(
                f'{policy} holds the policy of {done} of {config.train_cfg.max_epochs} '
                'epochs'
                if done
                else 'no policy yet: it is written after every epoch, and none is done'
            )
        newest = next(newest_first(config), None)
        own = newest is not None and (
            newest.stat().st_mtime >= began or (resumes and named is None)
        )
        if own:
            lines.append(f'{newest.name} is its last checkpoint; to go on:')
        else:
            where = f'to go on from {named} again' if named else 'to start again'
            lines.append(f'no new checkpoint yet; {where}:')
        return '\n'.join([*lines, f'  {_command(config, own)}'])

    return words


def _command(config: Config, resume: bool) -> str:
    if config.get('launcher', 'none') == 'none':
        words = sys.orig_argv
    elif COMMAND in os.environ:
        words = shlex.split(os.environ[COMMAND])
    else:
        return f'the same command{", with --resume" if resume else ""}'
    return shlex.join(with_resume(words) if resume else words)


def with_resume(words: list[str]) -> list[str]:
    """Return a command line with ``--resume`` at its end, and nowhere else."""
    kept, behind = [], False  # behind --resume, whose argument is optional
    for word in words:
        is_resume = word.partition('=')[0] == '--resume'
        is_path = behind and not word.startswith('-')
        behind = word == '--resume'
        if not is_resume and not is_path:
            kept.append(word)
    return [*kept, '--resume']
