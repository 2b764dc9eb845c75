r"""Time the steps of a search against plain forward and backward of the same batches.

Examples:
  python tools/analysis_tools/benchmark_search.py my_training_config.py --space coco
  python tools/analysis_tools/benchmark_search.py configs/ddas_wrn40-2_cifar10.py \
      --amp --compile --cfg-options train_dataloader.num_workers=0
"""

import copy
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from itertools import chain, repeat
from typing import Any

sys.path.insert(0, __file__.rpartition('/tools/')[0])

import torch
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from ddas_mm.cli.derive import add_search_arguments, load_search
from ddas_mm.cli.parser import ToolParser, track
from ddas_mm.cli.run import bare_runner, run_tool
from ddas_mm.search.data import prefetched
from ddas_mm.search.gradients import ViewGradients, compute_loss, weights_last
from ddas_mm.search.loop import DDASLoop

PARTS = {
    'views': (ViewGradients, 'of_view'),
    'mixture': (ViewGradients, 'mix'),
    'S_val and alignment': (ViewGradients, 'align'),
}


def seconds(function: Callable[[], Any]) -> tuple[float, Any]:
    """Return a call's wall-clock time, the device's work included, and its result."""
    wait = torch.cuda.synchronize if torch.cuda.is_available() else int
    wait()
    start = time.perf_counter()
    result = function()
    wait()
    return time.perf_counter() - start, result


def timed(owner: Any, name: str, part: str, spent: dict[str, float]) -> None:
    """Add the time of every call of a method to ``spent[part]``."""
    original = getattr(owner, name)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        elapsed, result = seconds(lambda: original(*args, **kwargs))
        spent[part] += elapsed
        return result

    setattr(owner, name, wrapper)


def floor(network: nn.Module, loop: DDASLoop, batches: list[Any]) -> None:
    """Run forward and backward of the batches, and nothing else."""
    params = [param for param in network.parameters() if param.requires_grad]
    for batch in batches:
        loss, _ = compute_loss(network, batch, loop.amp, loop.channels_last)
        torch.autograd.grad(loss, params, allow_unused=True)


def build_loop(runner: Runner) -> tuple[DDASLoop, nn.Module]:
    """Return a search that is ready for its first step, and a network for the floor."""
    runner._train_loop = loop = runner.build_train_loop(runner._train_loop)
    runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
    runner._init_model_weights()
    runner.model.train()
    model = runner.model
    network = copy.deepcopy(model.module if is_model_wrapper(model) else model)
    if loop.channels_last:
        weights_last(network)
    loop.prepare()
    return loop, network


def measure(
    loop: DDASLoop, network: nn.Module, steps: int, warmup: int
) -> list[dict[str, float]]:
    """Return one row of seconds per timed step: floor, step and its parts.

    Floor and step take turns in going first, on copies of the same batches.
    """
    spent: dict[str, float] = defaultdict(float)
    for part, (owner, name) in PARTS.items():
        timed(owner, name, part, spent)
    timed(loop.runner.optim_wrapper, 'step', 'optimiser', spent)
    timed(loop.policy, 'step', 'policy', spent)
    endless = chain.from_iterable(repeat(loop.dataloader))  # epoch after epoch
    pairs = zip(endless, loop.val_loader, strict=False)
    pairs = prefetched(pairs, loop.device)
    rows = []
    for number in track(range(warmup + steps), 'search steps and their floor'):
        wait, (data, val_batch) = seconds(lambda: next(pairs))
        again = copy.deepcopy([*data['views'], val_batch])
        spent.clear()
        batches = data['views'], data['policies'], val_batch
        work = {
            'floor': partial(floor, network, loop, again),
            'step': partial(loop.search_step, *batches),
        }
        row = dict.fromkeys(work, 0.0)
        for name in sorted(work, reverse=number % 2 == 0):
            row[name], _ = seconds(work[name])
        loop.step_log.read()
        if number >= warmup:
            rows.append({**row, 'data wait': wait, **spent})
    return rows


def report(loop: DDASLoop, rows: list[dict[str, float]]) -> str:
    """Return medians, ratios and the cost of the whole search as text."""
    median = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    excluded = statistics.median(row['step'] / row['floor'] for row in rows)
    wholes = [(row['step'] + row['data wait']) / row['floor'] for row in rows]
    total = median['step'] + median['data wait']
    policies, val = loop.dataloader.batch_sampler, loop.val_loader.batch_sampler
    images = policies.batch_size * (loop.num_policies + 1) + val.batch_size
    hours = total * loop.max_iters / 3600
    on_gpu = loop.device.type == 'cuda'
    gpu_hours = f', {hours * loop.runner.world_size:.2f} GPU hours' if on_gpu else ''
    layout = 'channels_last' if loop.channels_last else 'NCHW'
    compiled = ', compiled (floor: eager)' if loop.compile else ''
    lines = [
        f'medians of {len(rows)} steps, {device_name(loop.device)}, '
        f'{torch.get_num_threads()} threads, torch {torch.__version__}, '
        f'{"bfloat16" if loop.amp else "float32"}, {layout}{compiled}',
        *(f'{name:20} {value:9.4f} s' for name, value in median.items()),
        f'step / floor, data excluded: {excluded:.3f}',
        f'step / floor, everything:    {statistics.median(wholes):.3f}',
        f'{1 / total:.2f} steps/s, {images / total:.1f} images/s, the whole search '
        f'({loop.max_iters} steps): {hours:.2f} h{gpu_hours}',
        f'{loop.budget}',
    ]
    return '\n'.join(lines)


def device_name(device: torch.device) -> str:
    """Return the device's name, and on CUDA the most memory that was taken."""
    if device.type != 'cuda':
        return device.type
    peak = torch.cuda.max_memory_allocated() / 2**30
    return f'{torch.cuda.get_device_name()} (peak {peak:.1f} GiB)'


def main() -> None:
    """Measure and print."""
    parser = ToolParser(__doc__)
    add_search_arguments(parser)
    parser.add_argument('--steps', type=int, default=10, help='timed steps')
    parser.add_argument('--warmup', type=int, default=2, help='steps before them')
    parser.add_argument('--amp', action='store_true', help='bfloat16 autocast')
    parser.add_argument(
        '--compile',
        action='store_true',
        help='compile the network of the search; that of the floor stays eager',
    )
    args = parser.parse_args()
    config = load_search(args)
    config.train_cfg.amp = args.amp
    config.train_cfg.compile = args.compile
    # what packages and data sets tell of themselves
    with redirect_stdout(sys.stderr), bare_runner(config) as runner:
        loop, network = build_loop(runner)
        text = report(loop, measure(loop, network, args.steps, args.warmup))
    print(text)


if __name__ == '__main__':
    run_tool(main)
