"""The policy in TensorBoard, WandB and the like while the search runs."""

from __future__ import annotations

from collections.abc import Callable

from mmengine.runner import Runner

from ddas_mm.core import PolicySchedule
from ddas_mm.data.examples import Examples
from ddas_mm.errors import check_integer
from ddas_mm.visualization.live import candidates_image, curves_image


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
