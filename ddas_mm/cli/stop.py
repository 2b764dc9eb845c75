"""Ctrl-C and SIGTERM: a tool ends with the status 130 or 143, and says how to go on."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ddas_mm.cli.parser import is_first_process

NAMES = {signal.SIGINT: 'Ctrl-C', signal.SIGTERM: 'SIGTERM'}
# torchrun hands a terminal's Ctrl-C on to processes that have had it already.
ECHO = 1.0  # seconds


class Stopped(KeyboardInterrupt):
    """The process was told to end."""


@contextmanager
def stoppable(last_words: Callable[[], str] = str) -> Iterator[None]:
    """End the process without a traceback if it is told to end while the body runs.

    The first Ctrl-C or SIGTERM raises :class:`Stopped` in the body, the next one ends
    the process at once. What is written is never half written: see
    :func:`ddas_mm.files.write_atomically`.

    Args:
        last_words: Returns what the first process of a run says at its end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner, came = os.getpid(), dict[str, Any]()

    def on_signal(number: int, _: Any) -> None:
        if os.getpid() != owner:  # a data loader's worker: its parent speaks for it
            os._exit(0)  # for any other status torch raises an error in the parent
        if not came:
            came.update(number=number, time=time.monotonic())
            raise Stopped
        if time.monotonic() - came['time'] > ECHO:
            os._exit(128 + number)

    # a signal that is ignored, as in a shell script's background, stays ignored
    taken = [n for n in NAMES if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, on_signal) for number in taken}
    try:
        yield
    except BaseException:  # Stopped, or what a library's bare except has made of it
        if not came:
            raise
        try:
            for number in taken:  # a busy machine's echo would cut the last words off
                signal.signal(number, signal.SIG_IGN)
            for child in multiprocessing.active_children():
                child.terminate()
            if is_first_process():
                name = NAMES[signal.Signals(came['number'])]
                lines = [f'{Path(sys.argv[0]).name}: stopped by {name}', last_words()]
                begin = '\n' if sys.stderr.isatty() else ''  # a progress bar's line
                print(begin + '\n'.join(filter(None, lines)), file=sys.stderr)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            # nothing is torn down: a process group would wait for the other processes
            os._exit(128 + came['number'])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
