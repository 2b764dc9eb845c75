"""``report.html``: what a search has found, on one page that needs no other file."""

import math
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner

from ddas_mm.config import set_data_root
from ddas_mm.errors import SettingError
from ddas_mm.files import templates, tool_path, tool_words, write_atomically
from ddas_mm.outcome.pictures import Examples, Gallery, draw_gallery, shown_candidates
from ddas_mm.outcome.plots import Chart, effects_svg, total_prob_chart
from ddas_mm.policy import PolicySchedule, read_policy
from ddas_mm.policy.effects import doubts, in_numbers, verdict_line

REPORT = 'report.html'
SHADES = 9  # steps of the heat map's colour scale
RATE_FELL = 0.2  # share of its peak: below, the policy comes to rest by the rate alone


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


def write_report(
    schedule: PolicySchedule,
    path: Path,
    gallery: Gallery | str,
    commands: Sequence[tuple[str, str]] = (),
) -> None:
    """Write the report atomically.

    Args:
        schedule: The policy that was found.
        path: The file to write.
        gallery: Pictures of candidates, or why there are none.
        commands: Pairs of purpose and command line, to copy.
    """
    environment = templates('ddas_mm.outcome', autoescape=True)
    environment.filters['duration'] = _duration
    environment.filters['in_numbers'] = in_numbers
    probs, effects = schedule.op_probs, schedule.search.get('effects', [])
    # The square root tells small probabilities apart, where most candidates are.
    shades = np.minimum(np.sqrt(probs / probs.max()) * SHADES, SHADES - 1).astype(int)
    page = environment.get_template('report.html.jinja').render(
        name=Path(schedule.search.get('config') or 'search').stem,
        schedule=schedule,
        verdict=verdict_line(effects, len(effects)),
        doubts=doubts(effects),
        forest=effects_svg(effects) if effects else '',
        record=schedule.search,
        shades=shades,
        num_shades=SHADES,
        charts=_charts(schedule),
        rate_left=_rate_left(schedule),
        gallery=gallery,
        shown=shown_candidates(schedule),
        commands=commands,
    )
    write_atomically(path, page)


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
    try:
        return draw_gallery(examples(), schedule, number)
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


def _charts(schedule: PolicySchedule) -> dict[str, Chart]:
    uniform = 'uniform', math.log(len(schedule.space))
    charts = {
        'total_prob': total_prob_chart(schedule),
        'entropy': Chart({'entropy': schedule.entropy}, uniform, span=0.05),
    }
    history = schedule.search.get('history')
    if history:
        skipped, helped = history['skipped_steps'], history['helped']
        charts |= {
            'alignment': Chart({'mean |d_l| / rate': history['alignment']}, bottom=0),
            'helped': Chart({'share with d_l < 0': helped}, ('half', 0.5), span=0.1),
            'skipped': Chart({'skipped': skipped}, span=4, bottom=0),
        }
    return charts


def _rate_left(schedule: PolicySchedule) -> float | None:
    """Share of the rate that was left at the end, if it fell and the policy with it."""
    if not schedule.search.get('policy_follows_lr', True):
        return None
    rates = (schedule.search.get('history') or {}).get('learning_rate') or [0.0]
    fell = rates[-1] < RATE_FELL * max(rates)
    return rates[-1] / max(rates) if fell else None


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f'{seconds:.0f} s'
    hours, minutes = divmod(round(seconds / 60), 60)
    return f'{hours} h {minutes} min' if hours else f'{minutes} min'
