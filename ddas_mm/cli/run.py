"""What commands share: arguments, config, start, what a refused start takes back."""

import argparse
import copy
import gc
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config, DictAction
from mmengine.registry import RUNNERS
from mmengine.runner import Runner, load_checkpoint

from ddas_mm.cli.checks import FirstLook, check_any_run, check_config, check_load_from
from ddas_mm.cli.messages import causes_named, sentence_of
from ddas_mm.cli.parser import ToolParser
from ddas_mm.cli.stop import Stopped, stoppable
from ddas_mm.config import (
    find_dicts,
    merge_options,
    read_config,
    scope_of,
    set_data_root,
)
from ddas_mm.errors import SettingError
from ddas_mm.outcome.emit import AUGMENT, HOOK
from ddas_mm.policy import read_policy
from ddas_mm.search.resume import is_checkpoint, newest_first, prepare_resume


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that MMDetection's tools share, and ``--data-root``."""
    add = parser.add_argument
    add('config', help='config file')
    add('--work-dir', help='folder of logs and results')
    add(
        '--data-root',
        metavar='DIR',
        help='root of the data in every data set and evaluator of the config',
    )
    add(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        type=key_value,
        metavar='KEY=VALUE',
        help='override settings, e.g. train_dataloader.batch_size=2',
    )
    add('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    # torch.distributed.launch passes it in either spelling
    add('--local_rank', '--local-rank', type=int, default=0)


def key_value(word: str) -> str:
    """Return a word of ``--cfg-options`` if it is ``KEY=VALUE``, for argparse."""
    if not word.partition('=')[0] or '=' not in word:
        raise argparse.ArgumentTypeError(f'{word!r} is not KEY=VALUE')
    return word


def train_parser(text: str | None) -> ToolParser:
    """Return the parser of a training or a search, see ToolParser."""
    parser = ToolParser(text)
    add_common_arguments(parser)
    add = parser.add_argument
    add(
        '--resume',
        nargs='?',
        const='auto',
        metavar='PATH',
        help='go on from a checkpoint; from the newest whole one without PATH',
    )
    add('--amp', action='store_true', help='train with automatic mixed precision')
    add('--seed', type=int, help='seed of all randomness')
    add(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate to the number of processes',
    )
    return parser


def load_config(args: argparse.Namespace) -> Config:
    """Read the config and put the command line's settings into it.

    Raises:
        SettingError: If the file is missing, or an argument does not fit it.
    """
    return complete_config(read_adapted(args, args.cfg_options or {}), args)


def read_adapted(args: argparse.Namespace, options: Mapping[str, Any]) -> Config:
    """Read the config and put data root and some of ``--cfg-options`` into it."""
    config = read_config(args.config)
    if args.data_root is not None:
        set_data_root(config, args.data_root)
        for hook in find_dicts(config.get('custom_hooks') or [], HOOK):
            hook['data_root'] = args.data_root
    merge_options(config, options)
    return config


def complete_config(config: Config, args: argparse.Namespace) -> Config:
    """Put into a config what the command line says of the run itself."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    config.launcher = args.launcher
    _complete_loaders(config)
    default = f'work_dirs/{Path(args.config).stem}'
    config.work_dir = args.work_dir or config.get('work_dir') or default
    return config


def apply_train_arguments(config: Config, args: argparse.Namespace) -> None:
    """Put ``--resume``, ``--seed`` and ``--auto-scale-lr`` into the config."""
    if args.resume is not None:
        config.resume = True
        config.begin_from = config.get('load_from')  # where nothing can be resumed
        config.load_from = None if args.resume == 'auto' else args.resume
    if args.seed is not None:
        config.randomness = {**(config.get('randomness') or {}), 'seed': args.seed}
    if args.auto_scale_lr:
        scaling = config.get('auto_scale_lr') or {}  # MMEngine asks for the rest
        config.auto_scale_lr = {**scaling, 'enable': True}


def build_runner(config: Config) -> Runner:
    """Build the runner, on the CPU too: with gloo, and without SyncBN."""
    check_config(config)
    note = prepare_resume(config)
    check_load_from(config)  # it counts where nothing can be resumed
    if not torch.cuda.is_available() and config.get('launcher') == 'pytorch':
        torch.distributed.init_process_group('gloo')
        config.sync_bn = None
        config.model_wrapper_cfg = {
            'type': 'MMDistributedDataParallel',
            'broadcast_buffers': False,
            'find_unused_parameters': config.get('find_unused_parameters', False),
            **(config.get('model_wrapper_cfg') or {}),
            'device_ids': None,
        }
    build = RUNNERS.build if 'runner_type' in config else QuietRunner.from_cfg
    runner = build(config)
    if note is not None:
        runner.logger.info(note)
    return runner


@contextmanager
def bare_runner(config: Config, checkpoint: str | None = None) -> Iterator[Runner]:
    """Build a runner that leaves nothing on the disk, of a trained network say.

    Args:
        config: The config; its work_dir is a temporary one meanwhile.
        checkpoint: File of the network; None for one that is not trained.

    Raises:
        SettingError: If there is no such file, or it is of another network.
    """
    if checkpoint is not None and not Path(checkpoint).is_file():
        raise SettingError(f'checkpoint {checkpoint!r} does not exist')
    config.load_from, config.resume, config.log_level = None, False, 'ERROR'
    config.visualizer, folder = None, config.get('work_dir')
    with tempfile.TemporaryDirectory() as config.work_dir:
        config.experiment_name = config.work_dir  # MMEngine keeps one thing per name
        runner = build_runner(config)
        try:
            if checkpoint is not None:
                load_checkpoint(runner.model, checkpoint, 'cpu', True, 'silent')
        except RuntimeError as error:
            reason = ' '.join(str(error).split())
            raise SettingError(
                f'checkpoint {checkpoint!r} does not fit the model of the config '
                f'({reason}); give the config that it was trained by'
            ) from error
        yield runner
    config.work_dir = folder


class QuietRunner(Runner):
    """A runner whose log tells the config without the rows of the policies in it."""

    cfg: Config

    def _log_env(self, env_cfg: dict[str, Any]) -> None:
        whole, self.cfg = self.cfg, copy.deepcopy(self.cfg)
        for step in find_dicts(self.cfg._cfg_dict, AUGMENT):
            if isinstance(step.get('policy'), dict) and 'op_probs' in step['policy']:
                step['policy'] = f'rows: {len(step["policy"]["op_probs"])}'
        super()._log_env(env_cfg)
        self.cfg = whole


def run_tool(main: Callable[[], None]) -> None:
    """Run a tool; each setting that is not usable ends it with one sentence.

    Ctrl-C and SIGTERM end it as :func:`ddas_mm.cli.stop.stoppable` says.
    """
    with stoppable():
        try:
            main()
        except Exception as error:
            sentence = sentence_of(error)
            if sentence is None:
                raise
            for line in sentence.splitlines():
                print(f'{Path(sys.argv[0]).name}: error: {line}', file=sys.stderr)
            sys.exit(2)
        finally:
            if torch.distributed.is_initialized():
                # The network's wrapper keeps the group, and so its threads, alive.
                # Those that Python's own end meets may abort the process.
                gc.collect()
                torch.distributed.destroy_process_group()


def run(config: Config) -> None:
    """Run a training or a search; nothing is left of one that could not start."""
    with (
        nothing_left_on_error(config.work_dir),
        causes_named(config),
        stoppable(how_to_go_on(config)),
    ):
        runner = build_runner(config)
        check_any_run(runner)
        runner.register_hook(FirstLook(), 'LOWEST')
        try:
            runner.train()
        except Stopped:
            runner.visualizer.close()  # what it has not written or sent yet
            raise


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


def _complete_loaders(config: Config) -> None:
    """Fill in what mmpretrain's tool does, and let num_workers=0 suffice for torch."""
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = config.get(name)
        if loader is None:
            continue
        workers = loader.get('num_workers', 0) > 0
        if scope_of(config) == 'mmpretrain':
            loader.setdefault('collate_fn', {'type': 'default_collate'})
            loader.setdefault('pin_memory', torch.cuda.is_available())
            loader.setdefault('persistent_workers', workers)
        if not workers:
            loader.update(persistent_workers=False, prefetch_factor=None)


COMMAND = 'DDAS_COMMAND'  # the command that a launching script was called by


def how_to_go_on(config: Config) -> Callable[[], str]:
    """Return what says, whenever it is called, how a run that begins now goes on.

    Args:
        config: The run's config, before its checkpoint is chosen.
    """
    began, policy = time.time(), Path(config.work_dir, 'policy.json')

    def is_new(path: Path) -> bool:
        return path.is_file() and path.stat().st_mtime >= began

    def words() -> str:
        lines = []
        if is_new(policy):
            done, epochs = len(read_policy(policy)), config.train_cfg.max_epochs
            lines.append(f'{policy} holds the policy of {done} of {epochs} epochs')
        new = next(filter(is_new, newest_first(config)), None)
        lines.append(
            f'{new.name} is its last checkpoint; to go on:'
            if new
            else 'no new checkpoint yet; to start as before:'
        )
        return '\n'.join([*lines, f'  {_command(config, new is not None)}'])

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
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument('--resume', nargs='?')
    return [*parser.parse_known_args(words)[1], '--resume']
