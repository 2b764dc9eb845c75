"""What a start that is refused takes back: what this run wrote, and nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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

    What is written there meanwhile by other processes stays: Python tells what this one
    makes through an audit hook, which cannot be taken away again.
    """
    made: list[Path] = []
    work_dir, ended = Path(os.path.abspath(folder)), False

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if ended or event not in MAKING:
            return
        path = arguments[MAKING[event]]
        reading = event == 'open' and not arguments[2] & WRITING
        if reading or isinstance(path, int):  # a file that is open already
            return
        path = Path(os.path.abspath(os.fsdecode(path)))
        if path.is_relative_to(work_dir) and not os.path.lexists(path):
            made.append(path)

    sys.addaudithook(note)
    try:
        yield
    except SettingError:
        ended = True
        # else it had started, and what was done is worth keeping
        if not any(path.name == 'policy.json' or is_checkpoint(path) for path in made):
            for path in sorted(made, reverse=True):  # what is in a folder before it
                with suppress(OSError):  # a folder in which others have written
                    folders = path.is_dir() and not path.is_symlink()
                    path.rmdir() if folders else path.unlink()
        raise
    finally:
        ended = True
