"""Runs of several configs with several seeds, each in a folder of its own."""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mmengine.config import Config

from ddas_mm.cli.run import load_config, train_parser
from ddas_mm.cli.stop import stoppable
from ddas_mm.errors import SettingError
from ddas_mm.files import tool_path, write_atomically

T = TypeVar('T')
SETTINGS = 'run_settings.py'
PATIENCE = 10  # seconds that a tool has to end before it is told to
LOG_TAIL = 15  # lines shown of a run that failed


class RunFailed(Exception):
    """A tool ended with an error; the message holds the end of its log."""


@dataclass(frozen=True)
class Run:
    """One config with one seed.

    Attributes:
        name: What tables call the config.
        config: The config file.
        seed: Seed of all randomness.
        folder: Its work_dir.
        options: What the tools get besides, ``--data-root`` and ``--cfg-options``.
        launcher: Command that starts the tools, see :func:`launch_words`.
    """

    name: str
    config: str
    seed: int
    folder: Path
    options: tuple[str, ...] = ()
    launcher: str | None = None

    def settings(self) -> Config:
        """Return the config as the tools see it.

        Raises:
            SettingError: If the file is missing, or an option does not fit it.
        """
        words = [self.config, '--work-dir', str(self.folder), *self.options]
        return load_config(train_parser('').parse_args(words))

    def begin(self) -> Config:
        """Make the folder and return the settings; a run in it must have the same.

        Raises:
            SettingError: If the folder holds a run of other settings.
        """
        config = self.settings()
        path, text = self.folder / SETTINGS, config.pretty_text
        if not path.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, text)
        elif path.read_text(encoding='utf-8') != text:
            raise SettingError(
                f'{str(self.folder)!r} holds a run with other settings ({SETTINGS}); '
                'delete it or choose another --work-dir'
            )
        return config

    def call(self, tool: str, *arguments: str) -> None:
        """Run ``tools/<tool>.py`` on the config; its output goes to ``<tool>.log``.

        If this process is told to end, the tool ends first.

        Args:
            tool: ``search``, ``train`` or ``test``.
            arguments: What the tool gets behind the config.

        Raises:
            RunFailed: If it ends with an error.
        """
        work_dir = ('--work-dir', str(self.folder))  # arguments may name another
        words = [*launch_words(self, tool), *work_dir, *arguments, *self.options]
        path = self.folder / f'{tool}.log'
        with path.open('a') as log, stoppable(again):
            code = _finish(subprocess.Popen(words, stdout=log, stderr=log))
        if code != 0:
            tail = path.read_text(errors='replace').splitlines()[-LOG_TAIL:]
            tail += [f'failed ({code}): {shlex.join(words)}', f'see {path}']
            raise RunFailed('\n'.join(tail))


def _finish(process: subprocess.Popen) -> int:
    """Wait for a tool, also where this process is told to end; return its status."""
    try:
        return process.wait()
    finally:  # a Ctrl-C in the terminal has reached it, too, and it ends by itself
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        process.terminate()
        process.wait()


def each_done(runs: Sequence[Run], work: Callable[[Run], T]) -> Iterator[tuple[Run, T]]:
    """Do the work of runs, one after the other; yield those that do not fail.

    Args:
        runs: The runs, each of which is named before its work begins.
        work: What is done of a run; its result is yielded with the run.
    """
    for number, run in enumerate(runs, 1):
        print(f'{number}/{len(runs)}: {run.name}, seed {run.seed}', flush=True)
        try:
            result = work(run)
        except RunFailed as error:
            print(f'{error}\nfailed: {run.name}, seed {run.seed}', file=sys.stderr)
        else:
            yield run, result


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown, the first column to the left, others to the right.

    Args:
        rows: The head, and the rows.
    """
    lines = [rows[0], ['---', *['--:'] * (len(rows[0]) - 1)], *rows[1:]]
    return ''.join(f'| {" | ".join(cells)} |\n' for cells in lines)


def again() -> str:
    """Return what a tool of several runs says when it is stopped."""
    command = shlex.join(sys.orig_argv)
    return f'what is done is kept; the same command goes on:\n  {command}'


def launch_words(run: Run, tool: str) -> list[str]:
    """Return the command that starts a tool, up to its first argument.

    Args:
        run: The run. Its launcher is None for one process, or a command in which
            ``{tool}``, ``{config}``, ``{name}`` and ``{work_dir}`` are filled in,
            such as ``env TOOL={tool} bash tools/dist_train.sh {config} 4``.
        tool: Name of the tool.

    Raises:
        SettingError: If the launcher holds other names in braces.
    """
    if run.launcher is None:
        return [sys.executable, '-u', tool_path(f'{tool}.py'), run.config]
    fields = {'tool': tool, 'config': run.config, 'name': run.name}
    words = shlex.split(run.launcher)
    try:
        return [word.format(**fields, work_dir=run.folder) for word in words]
    except (KeyError, IndexError, ValueError):
        raise SettingError(
            f'--launcher {run.launcher!r} may hold {{tool}}, {{config}}, {{name}} and '
            '{work_dir} in braces, and no others'
        ) from None


def add_run_arguments(parser: argparse.ArgumentParser, work_dir: str) -> None:
    """Add the arguments that :func:`plan_runs` takes."""
    add = parser.add_argument
    add('--seeds', type=int, nargs='+', default=[0, 1, 2], metavar='SEED')
    add(
        '--work-dir',
        default=work_dir,
        metavar='DIR',
        help='folder of all runs; what is finished there is not run again, what is '
        f'unfinished goes on (default {work_dir})',
    )
    add('--data-root', metavar='DIR', help='root of the data of all given configs')
    add(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='override settings of every config',
    )


def plan_runs(
    config: str,
    args: argparse.Namespace,
    data_root: str | None = None,
    name: str = '',
    launcher: str | None = None,
) -> list[Run]:
    """Return the runs of one config, a seed each.

    Args:
        config: The config file.
        args: What :func:`add_run_arguments` has read.
        data_root: Root of its data, where it is not ``--data-root``.
        name: What tables call the config; the file's name if empty.
        launcher: See :func:`launch_words`.
    """
    name = name or Path(config).stem
    root = args.data_root if data_root is None else data_root
    options = ['--data-root', root] if root is not None else []
    if args.cfg_options:
        options += ['--cfg-options', *args.cfg_options]
    folder = Path(args.work_dir) / name
    return [
        Run(name, config, seed, folder / f'seed_{seed}', tuple(options), launcher)
        for seed in dict.fromkeys(args.seeds)
    ]


def check_names(runs: Sequence[Run]) -> None:
    """Check that no two configs share a name, and so their folders.

    Raises:
        SettingError: If two do.
    """
    configs: dict[str, str] = {}
    for run in runs:
        if configs.setdefault(run.name, run.config) != run.config:
            raise SettingError(
                f'{configs[run.name]!r} and {run.config!r} are both called '
                f'{run.name!r}; give names with NAME=CONFIG'
            )
