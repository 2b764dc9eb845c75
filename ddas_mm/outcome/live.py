"""The policy in TensorBoard, WandB and the like while the search runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from mmengine.runner import Runner

from ddas_mm.errors import check_integer
from ddas_mm.outcome.examples import Examples
from ddas_mm.outcome.page import shown_candidates
from ddas_mm.outcome.pictures import ImagePictures, choose_images, lay_out_sheet
from ddas_mm.outcome.plots import draw_op_probs, plot
from ddas_mm.policy import PolicySchedule


class LiveView:
    """Sends curves and images of the policy to the backends of the visualizer.

    ``p_tp``, the greatest ``p_o`` and the entropy of ``p_o`` get there with the log of
    steps. Here the step is the search epoch: what is sent is a row of the policy.

    Args:
        image_interval: Search epochs between images, 0 for none.

    Raises:
        SettingError: If it is no such number.
    """

    def __init__(self, image_interval: int) -> None:
        name = 'DDASHook.image_interval'
        self.image_interval = check_integer(name, image_interval, 0)
        self._failed: set[str] = set()

    def show(self, runner: Runner, schedule: PolicySchedule) -> None:
        """Send the last row's ``p_o``, one curve per candidate, and images if due.

        What cannot be shown is told once, and does not stop the search.
        """
        visualizer, epoch = runner.visualizer, len(schedule)
        labels, probs = schedule.space.labels, schedule.op_probs[-1].tolist()
        curves = {f'p_o/{k}': prob for k, prob in zip(labels, probs, strict=True)}

        def send_candidates() -> None:
            examples = Examples(runner.train_loop.dataloader.dataset.dataset)
            image = candidates_image(schedule, examples)
            visualizer.add_image('candidates', image, epoch)

        self._try(runner, 'curves', lambda: visualizer.add_scalars(curves, epoch))
        if self._is_due(epoch, runner.max_epochs):
            # No slash in these names: LocalVisBackend makes file names of them.
            self._try(
                runner,
                'images of curves',
                lambda: visualizer.add_image('op_probs', curves_image(schedule), epoch),
            )
            self._try(runner, 'images of candidates', send_candidates)

    def _is_due(self, epoch: int, max_epochs: int) -> bool:
        interval = self.image_interval
        return interval > 0 and (epoch % interval == 0 or epoch == max_epochs)

    def _try(self, runner: Runner, what: str, send: Callable[[], None]) -> None:
        try:
            send()
        except Exception as error:  # whatever it is, the search is worth more
            if what not in self._failed:
                runner.logger.warning(
                    f'{what} of the policy could not be sent to visualizer.vis_backends'
                    f' ({type(error).__name__}: {error}); the search goes on, and this '
                    'is told once'
                )
            self._failed.add(what)


WIDTH = 160  # pixels of a picture on the sheet


def curves_image(schedule: PolicySchedule) -> np.ndarray:
    """(H, W, 3) uint8 RGB curves of p_o, the best candidates named."""
    return _pixels(plot(draw_op_probs, schedule))


def candidates_image(
    schedule: PolicySchedule, examples: Examples, number: int = 2, seed: int = 0
) -> np.ndarray:
    """(H, W, 3) uint8 RGB contact sheet of the last row's best candidates.

    Args:
        schedule: The policy so far.
        examples: The training images.
        number: How many of them, the same ones for any policy; each takes a row.
        seed: Seed of all randomness.

    Raises:
        SettingError: If an image is missing or cannot be augmented.
    """
    top, _ = shown_candidates(schedule)
    probs = schedule.op_probs[-1]
    pictures = []
    for results in choose_images(examples, number, seed):
        image = ImagePictures(schedule.space, results, seed)
        pictures.append(image.original())
        for k in top:
            picture = image.candidate(k)
            title = f'{picture.title}\np_o {probs[k]:.4f}'
            pictures.append(replace(picture, title=title))
    heading = f'epoch {len(schedule)}: the most probable candidates'
    return _pixels(lay_out_sheet(pictures, heading, WIDTH, 1 + len(top)))


def _pixels(figure: Figure) -> np.ndarray:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
