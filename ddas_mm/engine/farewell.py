"""What is told of a run that is stopped: what it leaves, and how it goes on."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from ddas_mm.core import read_policy
from ddas_mm.engine.resume import newest_first
from ddas_mm.interrupt import held, last_words

COMMAND = 'DDAS_COMMAND'  # the command that a launching script was called by


@contextmanager
def told_how_to_go_on(config: Config) -> Iterator[None]:
    """Tell how a training or a search goes on, if it is stopped in the body.

    Args:
        config: The run's config, before its checkpoint is chosen.
    """
    farewell = Farewell(config)
    with last_words(farewell.words):
        yield


class Farewell:
    """What is there when a run begins, to be compared with what is there later.

    Args:
        config: The run's config, before its checkpoint is chosen.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._work_dir = Path(config.work_dir)
        self._named = config.get('load_from') if config.get('resume') else None
        self._resumes = bool(config.get('resume')) and self._named is None
        self._checkpoint, self._policy = self._newest(), self._stamp('policy.json')

    def words(self) -> str:
        """Return the lines: the policy so far, and the command that goes on."""
        lines = [self._of_policy()] if self._is_search() else []
        newest = self._newest()
        if newest is not None and (newest != self._checkpoint or self._resumes):
            lines.append(f'{Path(newest[0]).name} is its last checkpoint; to go on:')
            resume = True
        elif self._named is not None:
            lines.append(f'no new checkpoint yet; to go on from {self._named} again:')
            resume = False
        else:
            # the checkpoints of an earlier run are not this one's to go on from
            lines.append('no checkpoint yet; to start again, from the beginning:')
            resume = newest is None
        return '\n'.join([*lines, f'  {self._command(resume)}'])

    def _command(self, resume: bool) -> str:
        if self._config.get('launcher', 'none') == 'none':
            words = sys.orig_argv
        elif COMMAND in os.environ:
            words = shlex.split(os.environ[COMMAND])
        else:
            return f'the same command{", with --resume" if resume else ""}'
        return shlex.join(with_resume(words) if resume else words)

    def _is_search(self) -> bool:
        return 'DDASLoop' in str((self._config.get('train_cfg') or {}).get('type'))

    def _of_policy(self) -> str:
        path = self._work_dir / 'policy.json'
        stamp = self._stamp(path.name)
        if stamp is None or not (stamp != self._policy or self._resumes or self._named):
            return 'no policy yet: it is written after every epoch, and none is done'
        rows, epochs = len(read_policy(path)), self._config.train_cfg.max_epochs
        return f'{path} holds the policy of {rows} of {epochs} epochs'

    def _newest(self) -> tuple[str, int] | None:
        for path in newest_first(self._config):
            return str(path), path.stat().st_mtime_ns
        return None

    def _stamp(self, name: str) -> int | None:
        path = self._work_dir / name
        return path.stat().st_mtime_ns if path.is_file() else None


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


def hold_while_saving(runner: Runner) -> None:
    """Put the end of a stopped run off while a checkpoint is being written.

    MMEngine deletes an old one first, and a training may keep one alone.
    """
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook):
            for name in ('after_train_epoch', 'after_train_iter', 'after_val_epoch'):
                setattr(hook, name, held()(getattr(hook, name)))
