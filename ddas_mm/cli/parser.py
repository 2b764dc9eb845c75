"""What the tools' command lines share: options and their help, progress, tables."""

import argparse
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from inspect import cleandoc
from itertools import takewhile
from math import inf
from pathlib import Path
from typing import Any, NoReturn

from ddas_mm.errors import SettingError, closest

RANKS = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')  # as launchers set them
INTERVAL = 30.0  # seconds between lines of progress, where there is no terminal


def is_first_process() -> bool:
    """Return whether this is the process of its run that speaks for all."""
    ranks = [rank for name in RANKS if (rank := os.environ.get(name))]
    return not ranks or ranks[0] == '0'


class ToolParser(argparse.ArgumentParser):
    """The parser of a tool: a wrong option ends in one line that names the right one.

    Options cannot be abbreviated: what is short for one today may be short for two
    tomorrow.

    Args:
        text: What the tool does, and below ``Examples:`` what is printed after the
            options: commands, as they are typed (``ddas NAME`` where it was called so).
    """

    def __init__(self, text: str | None) -> None:
        description, found, examples = cleandoc(text or '').partition('\nExamples:')
        epilog = f'examples:{examples}' if found else ''
        if Path(sys.argv[0]).name.startswith('ddas '):
            epilog = re.sub(r'python tools/(?:\w+/)?(\w+)\.py', r'ddas \1', epilog)
        super().__init__(
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; unknown options are told first, even where an argument is missing."""
        words = sys.argv[1:] if args is None else args
        known = self._option_string_actions
        for word in takewhile('--'.__ne__, words):  # all behind it are positional
            option = word.partition('=')[0]
            looks_like_one = re.match('--?[a-zA-Z]', option) and ' ' not in word
            if looks_like_one and option not in known:
                begun = [name for name in known if name.startswith(option)]
                hint = _hint(begun[0] if begun else closest(option, known))
                self.error(f'there is no option {option}{hint}')
        return super().parse_known_args(words, namespace)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            error.message += _hint(closest(str(value), map(str, action.choices or ())))
            raise

    def error(self, message: str) -> NoReturn:
        """End the tool as a wrong setting does, with status 2."""
        print(f'{self.prog}: error: {message}', file=sys.stderr)
        print(f'{self.prog} --help shows all options', file=sys.stderr)
        sys.exit(2)


def _hint(meant: str | None) -> str:
    return f'; did you mean {meant}?' if meant else ''


def at_least(least: int) -> Any:
    """Return the action of an option with an integer that must not be less."""

    class Least(argparse.Action):
        def __call__(self, _: Any, space: Any, value: Any, name: Any = None) -> None:
            if value < least:
                raise SettingError(f'{name} must be at least {least}, but is {value}')
            setattr(space, self.dest, value)

    return partial(Least, type=int)


def track(items: Any, what: str) -> Iterator[Any]:
    """Yield items, and tell on stderr how many are done, and the time to come.

    A terminal gets a bar. A file or a pipe gets a line now and then, and so nothing of
    what is done soon.

    Args:
        items: What is to be done.
        what: What they are, for the reader.
    """
    from rich import progress as bars  # not for --help
    from rich.console import Console

    console, told = Console(stderr=True), time.monotonic()
    terminal = console.is_terminal
    with bars.Progress(
        '{task.description}:',
        bars.MofNCompleteColumn(),
        bars.TimeRemainingColumn(),
        *[bars.BarColumn()] * terminal,
        console=console,
        speed_estimate_period=inf,  # an item may take minutes
        auto_refresh=terminal,
        disable=not terminal,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as progress:
        for item in progress.track(items, description=what):
            if not terminal and time.monotonic() - told >= INTERVAL:
                told = time.monotonic()
                console.print(progress)
            yield item


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return columns of text, the first to the left and the others to the right."""
    table = [header, *rows]
    first, *others = (max(map(len, column)) for column in zip(*table, strict=True))
    return '\n'.join(
        '  '.join([name.ljust(first), *map(str.rjust, cells, others)])
        for name, *cells in table
    )
