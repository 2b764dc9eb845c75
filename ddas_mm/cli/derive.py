"""The command line's side of the search of a training config."""

import argparse
import os
from dataclasses import replace
from pathlib import Path

from mmengine.config import Config

from ddas_mm.cli import run
from ddas_mm.cli.checks import VARIABLES
from ddas_mm.cli.parser import at_least, is_first_process
from ddas_mm.config import config_text, find_dicts, merge_options, read_config
from ddas_mm.derive.augment import mark_training
from ddas_mm.derive.plan import AUTO, fitted_plan
from ddas_mm.derive.schedule import PAPER, rate_and_batch
from ddas_mm.derive.search import derive_search, write_derived
from ddas_mm.errors import SettingError
from ddas_mm.outcome.emit import AUGMENT
from ddas_mm.search.checks import check_followed

# What --cfg-options set for the search alone; all else holds in the training too.
SEARCH_ALONE = ('train_cfg', 'optim_wrapper', 'param_scheduler', 'auto_scale_lr')
LR = 'optim_wrapper.optimizer.lr'


def add_derive_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that make a search of a training config."""
    parser.set_defaults(auto_scale_lr=False)
    add = parser.add_argument_group(
        'search of a training config',
        'an ordinary training config is taken, too: a search is made of it (which '
        '"search" writes to the work_dir and starts). --cfg-options of '
        f'{", ".join(SEARCH_ALONE)} are for the search alone, all others hold in the '
        'emitted training too',
    ).add_argument
    add(
        '--space',
        choices=[AUTO, *PAPER],
        help='operations to search (default for a training config: auto, by its task '
        'and images)',
    )
    add('--num-train', action=at_least(1), metavar='N', help='images of S_train')
    add('--num-val', action=at_least(1), metavar='M', help='images of S_val')
    add('--epochs', action=at_least(1), metavar='T', help='search epochs')


def add_search_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a tool that looks at a search before it is started."""
    run.add_common_arguments(parser)
    add_derive_arguments(parser)


def load_search(args: argparse.Namespace) -> Config:
    """Return the config that a tool is to look at: with --space, the derived search.

    Raises:
        SettingError: If the config has no search, or an argument does not fit.
    """
    if choose_space(args) is None:
        return run.load_config(args)
    search, _ = _derive(args)
    if args.space == AUTO:
        print(search.derived_from.changes[0])
    return run.complete_config(Config.fromstring(config_text(search), '.py'), args)


def choose_space(args: argparse.Namespace) -> str | None:
    """Return ``--space``; it is set to auto for a training config without DDASAugment.

    Raises:
        SettingError: If the config cannot be read, or sizes are given without a space.
    """
    if args.space is None:
        config = read_config(args.config)
        loader = config.get('train_dataloader')
        if loader and not is_search(config) and not any(find_dicts(loader, AUGMENT)):
            args.space = AUTO
    for name in ('num_train', 'num_val', 'epochs'):
        if args.space is None and getattr(args, name) is not None:
            raise SettingError(
                f'--{name.replace("_", "-")} belongs to the search of a training '
                'config (--space); a search config takes --cfg-options '
                'train_cfg.proxy.num_train, train_cfg.proxy.num_val or '
                'train_cfg.max_epochs'
            )
    return args.space


def is_search(config: Config) -> bool:
    """Return whether a config has the loop of a search."""
    return any(find_dicts(config.get('train_cfg'), 'DDASLoop'))


def refuse_search(config: Config) -> None:
    """Check that a config to make a search of is none already.

    Raises:
        SettingError: If it is one.
    """
    if is_search(config):
        raise SettingError(
            f'{config.filename!r} is a search config already; change it by '
            '--cfg-options, e.g. train_cfg.space.name=coco'
        )


def derive_from_arguments(args: argparse.Namespace) -> argparse.Namespace:
    """Write the search of a training config; return the arguments that start it.

    Raises:
        SettingError: If the config has no search, or an argument does not fit.
    """
    search, marked = _derive(args)
    path = write_derived(search, marked, Path(args.work_dir), Path(args.config).stem)
    if is_first_process():
        print(f'{path} derived from {args.config}:')
        print(*(f'  {line}' for line in search.derived_from.changes), sep='\n')
    done = {'cfg_options': None, 'data_root': None}
    return argparse.Namespace(**{**vars(args), 'config': str(path), **done})


def _derive(args: argparse.Namespace) -> tuple[Config, Config]:
    """Return the search of a training config, and the training with DDASAugment.

    Raises:
        SettingError: If the config has no search, or an argument does not fit.
    """
    options = args.cfg_options or {}
    own = {k: v for k, v in options.items() if k.partition('.')[0] in SEARCH_ALONE}
    shared = {k: v for k, v in options.items() if k not in own}
    training = run.read_adapted(args, shared)
    refuse_search(training)
    marked = mark_training(training)
    plan = fitted_plan(marked, args.space, args.num_train, args.num_val)
    _, variable, *_ = VARIABLES.get(args.launcher, (None, ''))
    processes = int(os.environ.get(variable, 1))
    plan = replace(plan, epochs=args.epochs or plan.epochs, processes=processes)
    search = derive_search(marked, plan, f'{Path(args.config).stem}.py')
    if args.auto_scale_lr:
        own['auto_scale_lr.enable'] = True
    elif LR in own and 'auto_scale_lr.enable' not in own:
        own['auto_scale_lr.enable'] = False  # a rate that was given is taken as it is
    merge_options(search, own)
    check_followed(search.optim_wrapper)
    search.derived_from.changes.append(rate_and_batch(search, processes))
    search.work_dir = args.work_dir or f'work_dirs/search_{Path(args.config).stem}'
    return search, marked
