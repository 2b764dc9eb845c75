"""Prove that a search finds what it must: the sanity check (paper 4.1, Fig. 4).

A change is planted in the images of S_val, and one candidate imitates it: it must end
on top, with at least 1.5 times the probability of the next, with every seed.
"""

import argparse
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

# what it imports lies here: by the name "tools" another package may be found
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'dataset_converters'))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import digits
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ddas_mm.cli.jobs import Run, RunFailed, add_run_arguments, check_names, plan_runs
from ddas_mm.cli.parser import ToolParser
from ddas_mm.cli.run import run_tool
from ddas_mm.errors import SettingError
from ddas_mm.files import write_atomically
from ddas_mm.outcome.plots import draw_op_probs
from ddas_mm.policy import PolicySchedule, read_policy

EXAMPLES = """examples:
  # classification and detection, three seeds each
  python tools/analysis_tools/sanity_check.py --cifar10 cifar10_jpeg.tar.xz
  # detection alone, on digits that it makes
  python tools/analysis_tools/sanity_check.py configs/ddas_retinanet_r18_*sanity*.py
"""
CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
CHECKS = (
    'ddas_wrn10-1_cifar10_sanity.py',
    'ddas_retinanet_r18_digits_sanity.py',
    'ddas_retinanet_r18_digits_sanity_invert.py',
)
DIGITS = {'version': 1, 'seed': 0, 'num_train': 600, 'num_val': 300, 'num_test': 300}


@dataclass(frozen=True)
class Verdict:
    """What a search ended with."""

    planted: str
    prob: float  # of the planted candidate
    next: str  # the best of the others
    next_prob: float

    @property
    def ratio(self) -> float:
        """Of the planted candidate's probability to the next one's."""
        return self.prob / self.next_prob


def judge(schedule: PolicySchedule, planted: str) -> Verdict:
    """Return how the planted candidate stands in the last row of a policy.

    Raises:
        SettingError: If there is no such candidate.
    """
    labels, probs = schedule.space.labels, schedule.op_probs[-1]
    if planted not in labels:
        raise SettingError(
            f'planted={planted!r} is no candidate of the search; '
            f'there are {", ".join(labels)}'
        )
    own = labels.index(planted)
    other = max(set(range(len(labels))) - {own}, key=lambda k: probs[k])
    return Verdict(planted, float(probs[own]), labels[other], float(probs[other]))


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(__doc__, EXAMPLES)
    parser.add_argument(
        'configs',
        nargs='*',
        default=[str(CONFIGS / name) for name in CHECKS],
        metavar='CONFIG',
        help="search configs; 'planted' in them names the candidate to be found "
        '(default: the three small checks)',
    )
    parser.add_argument(
        '--cifar10',
        type=Path,
        metavar='PATH',
        help='CIFAR-10 as class folders of images, train/<class>/*, or a tar archive '
        'of them; needed unless it lies where the config looks for it',
    )
    parser.add_argument('--planted', help="instead of the configs' own")
    parser.add_argument('--ratio', type=float, default=1.5, help='least ratio to pass')
    add_run_arguments(parser, 'work_dirs/sanity_check')
    return parser.parse_args()


def find_data(runs: list[Run], args: argparse.Namespace) -> str | None:
    """Return the data root that a config needs in place of others, or make the data.

    Raises:
        SettingError: If there is no data and none can be made.
    """
    root = Path(runs[0].settings().train_dataloader.dataset.get('data_root', ''))
    if root.name == 'cifar10' and args.cifar10 is not None:
        return str(class_folders(args.cifar10, Path(args.work_dir) / 'data'))
    if root.exists():
        return None
    if root.name == 'digits':
        root.parent.mkdir(parents=True, exist_ok=True)
        digits.generate(root, DIGITS)
    elif root.name == 'cifar10':
        raise SettingError(
            f'{runs[0].config!r} needs CIFAR-10 in {str(root)!r}, as class folders of '
            'images; give such a folder, or a tar archive of one, with --cifar10'
        )
    return None


def class_folders(path: Path, parent: Path) -> Path:
    """Return a folder with ``train/<class>/``, unpacking an archive at most once.

    Raises:
        SettingError: If it is neither.
    """
    if path.is_file():
        target = parent / path.name.split('.')[0]
        if not target.is_dir():
            parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=parent) as folder:
                try:
                    with tarfile.open(path) as archive:
                        archive.extractall(Path(folder) / 'whole', filter='data')
                except tarfile.TarError as error:
                    raise SettingError(
                        f'--cifar10 {str(path)!r} is no tar archive: {error}'
                    ) from None
                (Path(folder) / 'whole').rename(target)
        path = target
    if not (path / 'train').is_dir():
        raise SettingError(f"--cifar10: {str(path)!r} holds no folder 'train'")
    return path


def search(run: Run) -> PolicySchedule:
    """Return the policy of a run, searching only what is not there already."""
    epochs = run.begin().train_cfg.max_epochs
    file = run.folder / 'policy.json'
    if not file.is_file() or len(read_policy(file)) < epochs:
        run.call('search', '--resume', '--seed', str(run.seed))
    return read_policy(file)


def draw(name: str, planted: str, found: dict[int, PolicySchedule]) -> Figure:
    """Draw p_o of all candidates over search epochs, as Fig. 4, a panel per seed."""
    size = (5.5 * len(found), 3.6)
    figure = Figure(figsize=size, dpi=90, layout='constrained')
    panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for axes, (seed, schedule) in zip(panels, found.items(), strict=True):
        draw_op_probs(axes, schedule, highlight=planted)
        axes.set_title(f'{name}, seed {seed}', fontsize=9)
    highest = max(schedule.op_probs.max() for schedule in found.values())
    panels[0].set_ylim(0, 1.05 * highest)  # and so of all: they share the axis
    return figure


def table_row(
    run: Run, schedule: PolicySchedule, verdict: Verdict, passed: bool
) -> str:
    """Return a row of the table in Markdown."""
    cells = (
        run.name,
        run.seed,
        f'{verdict.planted} {verdict.prob:.4f}',
        f'{verdict.next} {verdict.next_prob:.4f}',
        f'{verdict.ratio:.2f}',
        f'{schedule.search.get("seconds", np.nan):.0f}',
        'yes' if passed else 'NO',
    )
    return f'| {" | ".join(map(str, cells))} |'


HEAD = """| check | seed | planted | next | ratio | seconds | passed |
|---|--:|---|---|--:|--:|---|"""


def plan_checks(args: argparse.Namespace) -> list[list[Run]]:
    """Return the runs of each config, with their data in place."""
    checks = []
    for config in args.configs:
        root = find_data(plan_runs(config, args), args)
        checks.append(plan_runs(config, args, root))
    check_names([run for runs in checks for run in runs])
    return checks


def main() -> None:
    """Search with every config and seed, judge, draw."""
    args = parse_args()
    rows, failed = [HEAD], 0
    work_dir = Path(args.work_dir)
    for runs in plan_checks(args):
        planted = args.planted or runs[0].settings().get('planted')
        if planted is None:
            raise SettingError(
                f'{runs[0].config!r} does not say which candidate must be found: set '
                "planted='Rotate90', say, or give --planted"
            )
        found = {}
        for run in runs:
            print(f'{run.name}, seed {run.seed}: searching', flush=True)
            try:
                found[run.seed] = search(run)
            except RunFailed as error:
                print(error, file=sys.stderr)
                failed += 1
                continue
            verdict = judge(found[run.seed], planted)
            passed = verdict.ratio >= args.ratio
            failed += not passed
            rows.append(table_row(run, found[run.seed], verdict, passed))
            print(rows[-1], flush=True)
        if found:
            picture = FigureCanvasAgg(draw(runs[0].name, planted, found))
            picture.print_png(work_dir / f'{runs[0].name}.png')
    table = '\n'.join(rows)
    write_atomically(work_dir / 'sanity_check.md', table + '\n')
    print(f'\n{table}\n\npictures and table: {work_dir}')
    sys.exit(failed > 0)


if __name__ == '__main__':
    run_tool(main)
