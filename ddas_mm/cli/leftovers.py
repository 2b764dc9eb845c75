"""What a start that is refused takes back: what this run wrote, and nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ddas_mm.errors import SettingError
from ddas_mm.search.resume import is_checkpoint

WRITING = os.O_WRONLY | os.O_RDWR


# Python's audit events that make a file or folder, and where its path stands in them.
MAKING = {'open': 0, 'os.mkdir': 0, 'os.rename': 1}


@contextmanager
def nothing_left_on_error(folder: str) -> Iterator[None]:
    """Remove what a start that fails by a setting has written into the work_dir.

    What is written there meanwhile by other processes stays.
    """
    made = _Made(folder)
    try:
        yield
    except SettingError:
        paths = made.end()
        kept = (path.name == 'policy.json' or is_checkpoint(path) for path in paths)
        if not any(kept):  # else it had started, and what was done is worth keeping
            for path in sorted(paths, reverse=True):  # what is in a folder before it
                _remove(path)
        raise
    finally:
        made.end()


class _Made:
    """The files and folders that this process makes in a folder, and the folder.

    Python tells of them through an audit hook, which cannot be taken away again.
    """

    def __init__(self, folder: str) -> None:
        self._folder = os.path.abspath(folder)
        self._paths: set[str] = set()
        self._ended = False
        sys.addaudithook(self._note)

    def end(self) -> list[Path]:
        """Return what was made, and take no more notes."""
        self._ended = True
        return [Path(path) for path in self._paths]

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._ended or event not in MAKING:
            return
        path = arguments[MAKING[event]]
        reading = event == 'open' and not arguments[2] & WRITING
        if reading or isinstance(path, int):  # a file that is open already
            return
        path = os.path.abspath(os.fsdecode(path))
        inside = os.path.join(path, '').startswith(os.path.join(self._folder, ''))
        if inside and not os.path.lexists(path):
            self._paths.add(path)


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
    except OSError:  # a folder in which others have written something
        pass
