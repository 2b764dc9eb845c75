"""Prove that a search finds what it must: the sanity check (paper 4.1, Fig. 4).

A change is planted in the images of S_val, and one candidate imitates it: it must end
on top, with at least 1.5 times the probability of the next, with every seed.

Examples:
  # classification and detection, three seeds each
  python tools/analysis_tools/sanity_check.py --cifar10 cifar10_jpeg.tar.xz
  # detection alone, on digits that it makes
  python tools/analysis_tools/sanity_check.py configs/ddas_retinanet_r18_*sanity*.py
"""

import argparse
import sys
import tarfile
import tempfile
from pathlib import Path

# what it imports lies here: by the name "tools" another package may be found
sys.path.insert(0, str(Path(__file__).parents[1] / 'dataset_converters'))
sys.path.insert(0, __file__.rpartition('/tools/')[0])

import digits
import numpy as np
from matplotlib.figure import Figure

from ddas_mm.cli import jobs
from ddas_mm.cli.run import ToolParser, run_tool
from ddas_mm.errors import SettingError, check_known
from ddas_mm.files import write_atomically
from ddas_mm.outcome.plots import draw_op_probs
from ddas_mm.policy import PolicySchedule, read_policy

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
CHECKS = (
    'ddas_wrn10-1_cifar10_sanity.py',
    'ddas_retinanet_r18_digits_sanity.py',
    'ddas_retinanet_r18_digits_sanity_invert.py',
)
DIGITS = {'version': 1, 'seed': 0, 'num_train': 600, 'num_val': 300, 'num_test': 300}


def judge(
    run: jobs.Run, schedule: PolicySchedule, planted: str, least: float
) -> tuple[str, ...]:
    """Return how the planted candidate stands in the last row of a policy.

    Args:
        run: The search.
        schedule: What it has found.
        planted: The candidate.
        least: Ratio of its probability to that of the next with which it passes.

    Returns:
        A row of the table.

    Raises:
        SettingError: If there is no such candidate.
    """
    probs = dict(schedule.top(-1, len(schedule.space)))
    check_known('planted', planted, schedule.space.labels)
    other = next(name for name in probs if name != planted)
    ratio = probs[planted] / probs[other]
    seconds = schedule.search.get('seconds', np.nan)
    numbers = f'{planted} {probs[planted]:.4f}', f'{other} {probs[other]:.4f}'
    passed = 'yes' if ratio >= least else 'NO'
    cost = f'{seconds:.0f}'
    return run.name, str(run.seed), *numbers, f'{ratio:.2f}', cost, passed


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = ToolParser(__doc__)
    add = parser.add_argument
    add(
        'configs',
        nargs='*',
        default=[str(CONFIGS / name) for name in CHECKS],
        metavar='CONFIG',
        help="search configs; 'planted' in them names the candidate to be found "
        '(default: the three small checks)',
    )
    add(
        '--cifar10',
        type=Path,
        metavar='PATH',
        help='CIFAR-10 as class folders of images, train/<class>/*, or a tar archive '
        'of them; needed unless it lies where the config looks for it',
    )
    add('--planted', help="instead of the configs' own")
    add('--ratio', type=float, default=1.5, help='least ratio to pass')
    jobs.add_run_arguments(parser, 'work_dirs/sanity_check')
    return parser.parse_args()


def find_data(runs: list[jobs.Run], args: argparse.Namespace) -> str | None:
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
        archive, path = path, parent / path.name.split('.')[0]
        if not path.is_dir():
            parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=parent) as folder:
                whole = Path(folder, 'whole')
                unpack(archive, whole)
                whole.rename(path)
    if not (path / 'train').is_dir():
        raise SettingError(f"--cifar10: {str(path)!r} holds no folder 'train'")
    return path


def unpack(path: Path, folder: Path) -> None:
    """Unpack a tar archive, nothing of it outside of the folder.

    Raises:
        SettingError: If it is none.
    """
    try:
        with tarfile.open(path) as archive:
            # Python before 3.10.12 and 3.11.4 has no such filter
            archive.extraction_filter = getattr(tarfile, 'data_filter', None)
            archive.extractall(folder)
    except tarfile.TarError as error:
        message = f'--cifar10 {str(path)!r} is no tar archive: {error}'
        raise SettingError(message) from None


def search(run: jobs.Run) -> PolicySchedule:
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


HEAD = ('check', 'seed', 'planted', 'next', 'ratio', 'seconds', 'passed')


def plan_checks(args: argparse.Namespace) -> list[list[jobs.Run]]:
    """Return the runs of each config, with their data in place."""
    checks = []
    for config in args.configs:
        root = find_data(jobs.plan_runs(config, args), args)
        checks.append(jobs.plan_runs(config, args, root))
    jobs.check_names([run for runs in checks for run in runs])
    return checks


def main() -> None:
    """Search with every config and seed, judge, draw."""
    args = parse_args()
    work_dir, checks = Path(args.work_dir), plan_checks(args)
    rows = []
    for runs in checks:
        planted = args.planted or runs[0].settings().get('planted')
        if planted is None:
            raise SettingError(
                f'{runs[0].config!r} does not say which candidate must be found: set '
                "planted='Rotate90', say, or give --planted"
            )
        found = {}
        for run, schedule in jobs.each_done(runs, search):
            found[run.seed] = schedule
            rows.append(judge(run, schedule, planted, args.ratio))
            print(*rows[-1], flush=True)
        if found:
            figure = draw(runs[0].name, planted, found)
            figure.savefig(work_dir / f'{runs[0].name}.png')
    table = jobs.markdown([HEAD, *rows])
    write_atomically(work_dir / 'sanity_check.md', table)
    print(f'\n{table}\npictures and table: {work_dir}')
    passed = [row for row in rows if row[-1] == 'yes']
    sys.exit(len(passed) < sum(map(len, checks)))


if __name__ == '__main__':
    run_tool(main)
