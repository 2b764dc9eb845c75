"""Derive a search of every training config that mmdet and mmpretrain ship.

Without data: each search derived builds its model (without memory) and its optimiser,
which must be one that a search can follow. Prints how many do, and why others do not.

Examples:
  python benchmarks/derive_shipped.py           # all of them, some minutes
  python benchmarks/derive_shipped.py --every 25
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import logging
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import MODELS
from torch.distributed import HashStore, init_process_group
from torch.overrides import TorchFunctionMode

from ddas_mm.config import init_scope, read_config
from ddas_mm.derive.augment import mark_training
from ddas_mm.derive.schedule import PAPER
from ddas_mm.derive.search import derive_search
from ddas_mm.errors import SettingError
from ddas_mm.search.checks import check_optimizer

LEAST = 0.97
DERIVED = 'derived, and its optimiser built'
NAMED = 60  # characters of a reason that tell one cause from another


class RealNumbers(TorchFunctionMode):
    """Gives constructors on the meta device the numbers that they read."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func in (torch.linspace, torch.arange, torch.tensor):
            kwargs = {**(kwargs or {}), 'device': 'cpu'}
        return func(*args, **(kwargs or {}))


class StandIn(torch.nn.Module):
    """For a model of packages that are not here: what rules for parameters look at."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.LayerNorm(4)
        )

    def get_layer_depth(self, _: str) -> tuple[int, int]:
        """Return a layer's depth, and the whole network's."""
        return 0, 2


def trainings(every: int) -> Iterator[tuple[str, Config | None]]:
    """Yield every n-th training config; None for one whose bases are missing."""
    for package in ('mmdet', 'mmpretrain'):
        found = importlib.util.find_spec(package)
        root = Path(found.origin).parent / '.mim/configs'
        paths = [p for p in sorted(root.rglob('*.py')) if '_base_' not in p.parts]
        for path in paths[::every]:
            name = f'{package}/{path.relative_to(root)}'
            try:
                config = read_config(str(path))
            except SettingError:
                yield name, None
                continue
            if all(config.get(k) for k in ('model', 'train_cfg', 'train_dataloader')):
                yield name, config


def build_model(settings: Any) -> tuple[torch.nn.Module, bool]:
    """Return a model, and whether it is the one that is meant."""
    try:
        with torch.device('meta'), RealNumbers():
            return MODELS.build(copy.deepcopy(settings)), True
    except Exception:  # whatever it cannot do without memory
        try:
            return MODELS.build(copy.deepcopy(settings)), True
        except Exception:
            return StandIn(), False


def outcome(name: str, config: Config) -> tuple[str, bool]:
    """Return what came of a training, and whether its own model could be built."""
    space = 'coco' if name.startswith('mmdet') else 'imagenet'
    try:
        search = derive_search(mark_training(config), PAPER[space], 'net.py')
        init_scope(search)
        model, own = build_model(search.model)
        check_optimizer(build_optim_wrapper(model, search.optim_wrapper))
    except Exception as error:  # to be told with the others
        return f'{type(error).__name__}: {error}'[:NAMED], True
    return DERIVED, own


def main() -> None:
    """Derive all, and tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--every', type=int, default=1, metavar='N')
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.filterwarnings('ignore')
    init_process_group('gloo', store=HashStore(), rank=0, world_size=1)  # SyncBN asks
    causes: dict[str, list[str]] = defaultdict(list)
    unread, foreign = [], []
    with redirect_stdout(sys.stderr):
        for name, config in trainings(args.every):
            if config is None:
                unread.append(name)
                continue
            cause, own = outcome(name, config)
            causes[cause].append(name)
            if not own:
                foreign.append(name)
    for cause, names in sorted(causes.items(), key=lambda item: -len(item[1])):
        print(f'{len(names):5} {cause}')
        if cause != DERIVED:
            print(*(f'      {name}' for name in names), sep='\n')
    total = sum(map(len, causes.values()))
    share = len(causes[DERIVED]) / total
    print(
        f'{share:.1%} of {total} trainings derive; {len(foreign)} of them with a '
        f'stand-in for a model that cannot be built here, and {len(unread)} configs '
        'miss their bases'
    )
    sys.exit(share < LEAST)


if __name__ == '__main__':
    main()
