"""Pictures of a search that is still running, as arrays for a visualizer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ddas_mm.core import PolicySchedule
from ddas_mm.data.examples import Examples
from ddas_mm.visualization.contact_sheet import lay_out_sheet
from ddas_mm.visualization.gallery import choose_images
from ddas_mm.visualization.pictures import ImagePictures
from ddas_mm.visualization.plots import draw_op_probs, plot
from ddas_mm.visualization.report import shown_candidates

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
