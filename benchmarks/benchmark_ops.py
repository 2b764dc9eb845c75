"""Measure every operation beside mmcv's, Pillow's and albumentations' of the same name.

One core, one process. In each of ``--rounds`` rounds every contestant works for about
``--milliseconds``, in changing order; times are medians over the rounds, ratios are
medians of the ratios within a round.

* Peers get the same arguments and nearest-neighbour sampling. ``mm`` is mmcv's function
  under mmdet's transform of the name; where boxes move, it is mmdet's transform with
  boxes, and albumentations gets the boxes too. Pillow has none.
* Pillow starts from an image of its own and ends with one. In a pipeline of arrays it
  has to convert twice besides; ``Pillow*`` shows that.
* albumentations is a development dependency; without it its column is empty.

Examples:
  python benchmarks/benchmark_ops.py --out table.md
  python benchmarks/benchmark_ops.py --table detection --ops Rotate_BBox
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np
import PIL
from benchmark_peers import Contestant, albumentations_peer, mm_peer, pillow_operation
from PIL import Image
from torch.utils.benchmark import Timer

from ddas_mm.cli.parser import ToolParser, track
from ddas_mm.cli.stop import stoppable
from ddas_mm.ops import (
    SPACES,
    TABLES,
    Sample,
    apply_to_sample,
    expand_candidates,
    get_op,
    resolve_constants,
)
from ddas_mm.ops.spec import LevelMap

_NAMES = ('mm', 'Pillow', 'Pillow*', 'albumentations')


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(__doc__)
    parser.add_argument('--level', type=float, default=6)
    parser.add_argument('--size', type=int, nargs=2, default=(640, 480), metavar='N')
    parser.add_argument('--boxes', type=int, default=10)
    parser.add_argument('--rounds', type=int, default=15)
    parser.add_argument('--milliseconds', type=float, default=20)
    parser.add_argument('--table', choices=sorted(TABLES), nargs='+', default=TABLES)
    parser.add_argument('--ops', nargs='+', help='operations; default: all')
    parser.add_argument('--depth', type=int, default=2, help='for the whole space')
    parser.add_argument('--cold-heap', action='store_true', help='see docs')
    parser.add_argument('--out', type=Path, help='Markdown file; default: print')
    return parser.parse_args()


def make_image(width: int, height: int) -> np.ndarray:
    """Return smooth structure over the whole range of grey levels, BGR."""
    coarse = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def make_boxes(number: int, width: int, height: int) -> np.ndarray:
    """Return boxes from a twentieth to two fifths of the image's sides."""
    rng = np.random.default_rng(1)
    sides = rng.uniform(0.05, 0.4, (number, 2)) * (width, height)
    corners = rng.random((number, 2)) * ((width, height) - sides)
    return np.hstack([corners, corners + sides]).astype(np.float32)


def contestants(
    table: str, name: str, level: float, image: np.ndarray, boxes: np.ndarray
) -> dict[str, Contestant]:
    """Return ours, first, and all peers of one operation."""
    spec = get_op(table, name)
    constants = resolve_constants(table)
    own_level = level if spec.takes_level else None
    sample = Sample(image, boxes) if table == 'detection' else Sample(image)
    rng = np.random.default_rng(0)
    found: dict[str, Contestant] = {
        'ours': lambda: apply_to_sample(spec, own_level, sample, rng, constants)
    }
    if name.endswith('Only_BBoxes') or name == 'BBox_Cutout':
        return found
    kind = name.removesuffix('_BBox')
    value = (spec.level_map or LevelMap(0, '', ''))(level, constants)
    pillow, picture = pillow_operation(kind, value), Image.fromarray(image)
    if pillow is not None:
        found['Pillow'] = lambda: pillow(picture)
        found['Pillow*'] = lambda: np.asarray(pillow(Image.fromarray(image)))
    moving = boxes if table == 'detection' and spec.moves_boxes else boxes[:0]
    if kind == 'SolarizeAdd':  # written out in mmdet's transform
        moving = boxes
    for library, find in (('mm', mm_peer), ('albumentations', albumentations_peer)):
        peer = find(image, moving, kind, value)
        if peer is not None:
            found[library] = peer
    return found


def paired_times(
    runners: dict[str, Contestant], rounds: int, milliseconds: float
) -> dict[str, list[float]]:
    """Return seconds per call of each contestant in each round."""
    timers = {name: Timer('run()', globals={'run': r}) for name, r in runners.items()}
    repeats = {}
    for name, timer in timers.items():
        once = timer.timeit(1).mean  # after a call that warms up
        repeats[name] = max(1, int(milliseconds / 1e3 / max(once, 1e-7)))
    times: dict[str, list[float]] = {name: [] for name in timers}
    order = list(timers)
    for _ in range(rounds):
        for name in order:
            times[name].append(timers[name].timeit(repeats[name]).mean)
        order = order[1:] + order[:1]
    return times


def row(table: str, name: str, times: dict[str, list[float]]) -> str:
    """Return one line of the Markdown table."""
    medians = {who: statistics.median(values) for who, values in times.items()}
    peers = {who: medians[who] for who in medians if who not in ('ours', 'Pillow*')}
    cells = [f'{1e3 * medians[who]:.3f}' if who in medians else '' for who in _NAMES]
    ratio = ''
    if peers:
        best = min(peers, key=peers.__getitem__)
        pairs = zip(times['ours'], times[best], strict=True)
        share = statistics.median(ours / theirs for ours, theirs in pairs)
        ratio = f'{share:.2f} ({best})'
    ours = medians['ours']
    return f'| {table} | {name} | {1e3 * ours:.3f} | {1 / ours:,.0f} | ' + ' | '.join(
        [*cells, ratio + ' |']
    )


def space_speed(
    name: str, depth: int, image: np.ndarray, boxes: np.ndarray, number: int = 400
) -> float:
    """Return images per second with ``depth`` random candidates on each."""
    space = SPACES[name]
    candidates = expand_candidates(**space)
    constants = resolve_constants(space['table'])
    rng = np.random.default_rng(0)
    speeds = []
    for _ in range(5):
        drawn = rng.integers(0, len(candidates), (number, depth))
        start = time.perf_counter()
        for choice in drawn:
            sample = Sample(image, boxes)
            for op, level in (candidates[index] for index in choice):
                spec = get_op(space['table'], op)
                sample = apply_to_sample(spec, level, sample, rng, constants)
        speeds.append(number / (time.perf_counter() - start))
    return statistics.median(speeds)


@stoppable()
def main() -> None:
    """Measure and print."""
    args = parse_args()
    cv2.setNumThreads(1)
    if not args.cold_heap:
        # A worker that has resized images holds on to its memory; a fresh process gives
        # each large array back and pays for new pages each time.
        np.ones(30 << 20, dtype=np.uint8)
    width, height = args.size
    image, boxes = make_image(width, height), make_boxes(args.boxes, width, height)
    lines = [
        f'{platform.machine()}, Python {platform.python_version()}, NumPy '
        f'{np.__version__}, OpenCV {cv2.__version__}, Pillow {PIL.__version__}; '
        f'{width} x {height}, {args.boxes} boxes, level {args.level:g}',
        '',
        '| table | operation | ours, ms | ours, images/s | mm, ms | Pillow, ms '
        '| Pillow*, ms | albumentations, ms | ours / fastest |',
        '|---|---|--:|--:|--:|--:|--:|--:|--:|',
    ]
    chosen = [(table, name) for table in args.table for name in TABLES[table]]
    if args.ops:
        chosen = [(table, name) for table, name in chosen if name in args.ops]
    with redirect_stdout(sys.stderr):  # mmdet prints when it is loaded
        for table, name in track(chosen, 'operations'):
            runners = contestants(table, name, args.level, image, boxes)
            times = paired_times(runners, args.rounds, args.milliseconds)
            lines.append(row(table, name, times))
    if not args.ops:
        speed = space_speed('coco', args.depth, image, boxes)
        lines += ['', f'Space `coco`, depth {args.depth}: {speed:,.0f} images/s.']
    text = '\n'.join(lines)
    if args.out:
        args.out.write_text(text + '\n')
    print(text)


if __name__ == '__main__':
    main()
