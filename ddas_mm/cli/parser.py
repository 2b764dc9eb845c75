"""What the tools' command lines share, without any library: options and their help."""

from __future__ import annotations

import argparse
import difflib
import os
import re
import sys
from collections.abc import Iterable, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Any, NoReturn

RANKS = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')  # as launchers set them


def is_first_process() -> bool:
    """Return whether this is the process of its run that speaks for all."""
    ranks = [rank for name in RANKS if (rank := os.environ.get(name))]
    return not ranks or ranks[0] == '0'


def closest(word: str, known: Iterable[str], cutoff: float = 0.7) -> str | None:
    """Return the known word that was probably meant, None if none is close."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return close[0] if close else None


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
        words = sys.argv[1:] if args is None else list(args)
        self._check_options(words)
        return super().parse_known_args(words, namespace)

    def _check_options(self, words: Sequence[str]) -> None:
        for word in words:
            if word == '--':  # all behind it are positional
                return
            option = word.partition('=')[0]
            looks_like_one = re.match('--?[a-zA-Z]', option)
            if looks_like_one and ' ' not in word:
                self._check_option(option)

    def _check_option(self, option: str) -> None:
        known = self._option_string_actions
        if option not in known:
            begun = [name for name in known if name.startswith(option)]
            meant = begun[0] if begun else closest(option, known)
            hint = f'; did you mean {meant}?' if meant else ''
            self.error(f'there is no option {option}{hint}')

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            meant = closest(str(value), map(str, action.choices or ()), cutoff=0.5)
            if meant:
                error.message += f'; did you mean {meant}?'
            raise

    def error(self, message: str) -> NoReturn:
        """End the tool as a wrong setting does, with status 2."""
        print(f'{self.prog}: error: {message}', file=sys.stderr)
        print(f'{self.prog} --help shows all options', file=sys.stderr)
        sys.exit(2)
