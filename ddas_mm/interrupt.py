"""What Ctrl-C and SIGTERM do to a tool: it ends cleanly, and says how to go on.

Needs no library, so that it holds while those of a tool are imported.
"""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ddas_mm.command_line import is_first_process

NAMES = {signal.SIGINT: 'Ctrl-C', signal.SIGTERM: 'SIGTERM'}
# torchrun hands a terminal's Ctrl-C on to processes that have had it already.
ECHO = 1.0  # seconds
# After so many, a main thread that has not noticed is deep in a library's code, on a
# GPU that waits for another process, say.
PATIENCE = 5.0  # seconds


class Interrupted(KeyboardInterrupt):
    """The process was told to end, by Ctrl-C or by SIGTERM."""


class _Interruptible:
    """The state of the one body of :func:`interruptible` that runs."""

    def __init__(self) -> None:
        self.number: int | None = None  # the signal, once the main thread knows
        self.holds = 0
        self.last_words: list[Callable[[], str]] = []
        self.ending = threading.Lock()
        self.pipe = os.pipe()
        os.set_blocking(self.pipe[1], False)

    def on_signal(self, number: int, _: Any) -> None:
        """Raise at the first signal; the others are the watcher's."""
        first, self.number = self.number is None, self.number or number
        if first and not self.holds:
            raise Interrupted

    def watch(self) -> None:
        """Wait for signals beside the main thread, and end the process if it cannot."""
        came, number = 0.0, 0
        while True:
            unnoticed = bool(number) and self.number is None and not self.holds
            timeout = PATIENCE if unnoticed else None
            if not select.select([self.pipe[0]], [], [], timeout)[0]:
                if self.number is None and not self.holds:
                    break
                continue
            read = os.read(self.pipe[0], 1)
            if not read:  # the body is done
                os.close(self.pipe[0])
                return
            if read[0] in NAMES and not number:
                came, number = time.monotonic(), read[0]
            elif read[0] in NAMES and time.monotonic() - came > ECHO:
                os._exit(128 + read[0])
        self.end(number)

    def end(self, number: int) -> None:
        """Say the last words and end the process, with its data loaders' workers.

        Nothing is torn down: a process group would wait for the other processes.
        """
        self.ending.acquire()  # never released: main thread and watcher may both come
        try:
            for child in multiprocessing.active_children():
                child.terminate()
            if is_first_process():
                begin = '\n' if sys.stderr.isatty() else ''  # a progress bar's line
                print(f'{begin}{_tool()}: stopped by {_name(number)}', file=sys.stderr)
                for say in self.last_words:
                    print(say(), file=sys.stderr)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(128 + number)


_running: _Interruptible | None = None


@contextmanager
def interruptible() -> Iterator[None]:
    """End the process cleanly if it is told to end while the body runs.

    The first Ctrl-C or SIGTERM raises :class:`Interrupted` in the main thread; what
    comes of it leaves the body, and ends the process with the status 130 or 143. The
    second one ends the process at once.
    """
    global _running
    if _running is not None or threading.current_thread() != threading.main_thread():
        yield
        return
    state = _running = _Interruptible()
    # a signal that is ignored, as in a shell script's background, stays ignored
    taken = [n for n in NAMES if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, state.on_signal) for number in taken}
    wakeup = signal.set_wakeup_fd(state.pipe[1], warn_on_full_buffer=False)
    threading.Thread(target=state.watch, name='interrupt', daemon=True).start()
    try:
        yield
    except BaseException:
        if state.number is None:
            raise
        # Interrupted, or what a library's bare except has made of it
        state.end(state.number)
    finally:
        _running = None
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        os.close(state.pipe[1])  # ends the watcher


def is_interrupted() -> bool:
    """Return whether the process was told to end, and is on the way to it."""
    return _running is not None and _running.number is not None


@contextmanager
def last_words(say: Callable[[], str]) -> Iterator[None]:
    """Let the first process say something more if it is told to end in the body.

    Args:
        say: Returns the lines, and must not rely on what the body has at work.
    """
    state = _running
    if state is not None:
        state.last_words.append(say)
    yield
    if state is not None:
        state.last_words.remove(say)


@contextmanager
def held() -> Iterator[None]:
    """Put the end off until the body is done, a file being written."""
    state = _running
    if state is None:
        yield
        return
    state.holds += 1
    came_before = state.number is not None
    try:
        yield
    finally:
        state.holds -= 1
    if state.number is not None and not came_before and not state.holds:
        raise Interrupted


def quit_early() -> None:
    """End without a traceback until :func:`interruptible` begins."""
    for number in NAMES:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _quit_early)


def _quit_early(number: int, _: Any) -> None:
    if is_first_process():
        print(f'{_tool()}: stopped by {_name(number)} at its start', file=sys.stderr)
    os._exit(128 + number)


def _name(number: int) -> str:
    return NAMES[signal.Signals(number)]


def _tool() -> str:
    return Path(sys.argv[0]).name


def _in_child() -> None:
    """Let a data loader's worker end without a word: its parent has the last ones."""
    global _running
    if _running is not None:
        signal.set_wakeup_fd(-1)
        for end in _running.pipe:
            os.close(end)
        _running = None
        for number in NAMES:
            # status 0: for any other torch raises an error in the parent
            signal.signal(number, lambda *_: os._exit(0))


os.register_at_fork(after_in_child=_in_child)
