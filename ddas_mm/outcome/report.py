"""The report of a search: at its end, and again later from its work_dir."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from ddas_mm.config import set_data_root
from ddas_mm.errors import SettingError
from ddas_mm.files import tool_path, tool_words
from ddas_mm.outcome.examples import Examples
from ddas_mm.outcome.page import shown_candidates, write_report
from ddas_mm.outcome.pictures import Gallery, draw_gallery
from ddas_mm.policy import PolicySchedule, read_policy

REPORT = 'report.html'


def report_search(runner: Runner, schedule: PolicySchedule) -> list[Path]:
    """Write the report of a search that has just ended.

    Returns:
        The file, or nothing where it failed: the log says why, and what the search
        has found is not touched.
    """
    folder = Path(runner.work_dir)
    try:
        gallery = _gallery(
            schedule, lambda: Examples(runner.train_loop.dataloader.dataset.dataset)
        )
        write_report(schedule, folder / REPORT, gallery, commands(folder))
    except Exception as error:  # whatever it is, the policy is worth more
        again = shlex.join([*tool_words('analysis_tools/report.py'), str(folder)])
        runner.logger.warning(
            f'no {REPORT}: {type(error).__name__}: {error}; try again with {again}'
        )
        return []
    return [folder / REPORT]


def report_work_dir(
    folder: Path, out: Path, data_root: str | None = None, num_images: int = 2
) -> Gallery | str:
    """Write the report of a search's work_dir, with pictures if its data is there.

    Args:
        folder: The work_dir.
        out: The file to write.
        data_root: Root of the data, where it differs from the search's.
        num_images: How many training images are shown.

    Returns:
        The pictures, or why there are none.

    Raises:
        SettingError: If the folder holds no policy.
    """
    schedule = read_policy(folder / 'policy.json')

    def examples() -> Examples:
        config = _find_config(folder, schedule)
        if data_root is not None:
            set_data_root(config, data_root)
        return Examples.from_config(config)

    gallery = _gallery(schedule, examples, num_images)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_report(schedule, out, gallery, commands(folder))
    return gallery


def commands(folder: Path) -> list[tuple[str, str]]:
    """Return what to do with a work_dir's files: pairs of purpose and command."""
    found = sorted(folder.glob('retrain_*.py'))
    if not found:
        policy = str(folder / 'policy.json')
        step = f"dict(type='ddas_mm.DDASAugment', policy={policy!r})"
        return [('In the pipeline of your own training config:', step)]
    single = shlex.join([*tool_words('train.py'), str(found[0])])
    several = shlex.join(['bash', tool_path('dist_train.sh'), str(found[0])])
    return [
        ('Train with the policy, on one device:', single),
        ('or on 8 GPUs:', f'{several} 8'),
    ]


def _gallery(
    schedule: PolicySchedule, examples: Callable[[], Examples], number: int = 2
) -> Gallery | str:
    """Draw the best and worst candidates, or say why that is not possible."""
    top, bottom = shown_candidates(schedule)
    try:
        return draw_gallery(examples(), schedule.space, [*top, *bottom], number)
    except SettingError as error:
        return f'{error}.'
    except Exception as error:  # of whatever data set the user has
        return f'{type(error).__name__}: {error}.'


def _find_config(folder: Path, schedule: PolicySchedule) -> Config:
    """Return the config of a search: the copy in its work_dir, which is complete."""
    recorded = schedule.search.get('config')
    if recorded:
        for path in (folder / Path(recorded).name, Path(recorded)):
            if path.is_file():
                return Config.fromfile(path)
    raise SettingError(
        f'the search config {str(recorded)!r} is not in {str(folder)!r} any more'
    )
