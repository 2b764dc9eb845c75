"""The policy in TensorBoard, WandB and the like while the search runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from matplotlib.figure import Figure
from mmengine.runner import Runner

from ddas_mm.outcome.pictures import (
    Examples,
    ImagePictures,
    lay_out_sheet,
    shown_candidates,
)
from ddas_mm.outcome.plots import draw_op_probs, pixels, plot
from ddas_mm.policy import PolicySchedule

WIDTH = 160  # pixels of a picture on the sheet


def show_policy(runner: Runner, schedule: PolicySchedule, image_interval: int) -> None:
    """Send curves and images of the policy to the backends of the visualizer.

    ``p_tp``, the greatest ``p_o`` and the entropy of ``p_o`` get there with the log of
    steps. Here the step is the search epoch: what is sent is the last row's ``p_o`` and
    effects, curves per candidate, and images if they are due. What cannot be shown is
    told once, and does not stop the search.

    Args:
        runner: The runner of the search.
        schedule: The policy so far.
        image_interval: Search epochs between images, 0 for none.
    """
    visualizer, epoch = runner.visualizer, len(schedule)
    labels, probs = schedule.space.labels, schedule.op_probs[-1].tolist()
    curves = {f'p_o/{k}': prob for k, prob in zip(labels, probs, strict=True)}
    for effect in schedule.search.get('effects', ()):
        curves[f'effect/{effect["candidate"]}'] = effect['effect']
    with _told(runner, 'curves'):
        visualizer.add_scalars(curves, epoch)
    last = epoch == runner.max_epochs
    if image_interval and (epoch % image_interval == 0 or last):
        # No slash in these names: LocalVisBackend makes file names of them.
        with _told(runner, 'images of curves'):
            figure = plot(partial(draw_op_probs, schedule=schedule))
            visualizer.add_image('op_probs', pixels(figure), epoch)
        with _told(runner, 'images of candidates'):
            examples = Examples(runner.train_loop.dataloader.dataset.dataset)
            figure = candidates_figure(schedule, examples)
            visualizer.add_image('candidates', pixels(figure), epoch)


@contextmanager
def _told(runner: Runner, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever it is, the search is worth more
        # MMEngine's logger tells equal warnings once
        runner.logger.warning(
            f'{what} of the policy could not be sent to visualizer.vis_backends '
            f'({type(error).__name__}: {error}); the search goes on'
        )


def candidates_figure(
    schedule: PolicySchedule, examples: Examples, number: int = 2, seed: int = 0
) -> Figure:
    """Return a contact sheet of the last row's best candidates.

    Args:
        schedule: The policy so far.
        examples: The training images.
        number: How many of them, the same ones for any policy; each takes a row.
        seed: Seed of all randomness.

    Raises:
        SettingError: If an image is missing or cannot be augmented.
    """
    top, _ = shown_candidates(schedule)
    pictures = []
    for results in examples.choose(number, seed):
        image = ImagePictures(schedule.space, results, seed)
        pictures.append(image.original())
        for k in top:
            picture = image.candidate(k)
            title = f'{picture.title}\np_o {schedule.op_probs[-1, k]:.4f}'
            pictures.append(replace(picture, title=title))
    heading = f'epoch {len(schedule)}: the most probable candidates'
    return lay_out_sheet(pictures, heading, WIDTH, 1 + len(top))
