"""Candidates on the user's own images, as pictures inside a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ddas_mm.core import SearchSpace
from ddas_mm.data.examples import Examples
from ddas_mm.visualization.contact_sheet import DPI, Picture, draw_picture
from ddas_mm.visualization.pictures import ImagePictures

WIDTH = 280  # pixels
QUALITY = 80  # of JPEG
TRIES = 200  # images that are looked at for some with boxes


@dataclass(frozen=True)
class Tile:
    """A picture as a ``data:`` address, what it shows, and what to note of it."""

    source: str
    alt: str
    note: str = ''


@dataclass(frozen=True)
class Gallery:
    """What the report shows of images.

    Attributes:
        originals: The images as they are.
        candidates: For each candidate index shown, one tile per image.
    """

    originals: list[Tile]
    candidates: dict[int, list[Tile]]


def draw_gallery(
    examples: Examples,
    space: SearchSpace,
    indices: Sequence[int],
    number: int = 2,
    seed: int = 0,
) -> Gallery:
    """Draw candidates on the first images that have boxes (or the first, if none do).

    Args:
        examples: The training images.
        space: The search space.
        indices: Which of its candidates.
        number: How many images.
        seed: Seed of all randomness.

    Raises:
        SettingError: If an image is missing or cannot be augmented.
    """
    images = [
        ImagePictures(space, results, seed)
        for results in choose_images(examples, number, seed)
    ]
    labels = space.labels
    return Gallery(
        [_tile(image.original(), 'original') for image in images],
        {k: [_tile(i.candidate(k), labels[k]) for i in images] for k in indices},
    )


def choose_images(
    examples: Examples, number: int, seed: int = 0
) -> list[dict[str, Any]]:
    """Return mm's dicts of the first images that have boxes; others if too few do."""
    chosen, others = [], []
    for index in range(min(len(examples), TRIES)):
        results = examples.load(index, seed)
        if results is not None:
            boxes = results.get('gt_bboxes')
            (chosen if boxes is None or len(boxes) else others).append(results)
        if len(chosen) == number:
            break
    return (chosen + others)[:number]


def _tile(picture: Picture, label: str) -> Tile:
    height, width = picture.sample.image.shape[:2]
    figure = Figure(figsize=(WIDTH / DPI, WIDTH * height / width / DPI), dpi=DPI)
    draw_picture(figure.add_axes((0, 0, 1, 1)), picture)
    file = io.BytesIO()
    canvas = FigureCanvasAgg(figure)
    canvas.print_jpg(file, pil_kwargs={'quality': QUALITY, 'optimize': True})
    code = base64.b64encode(file.getvalue()).decode()
    note = picture.title.removeprefix(label).replace('\n', ' ').strip(' ()')
    return Tile(f'data:image/jpeg;base64,{code}', label, note)
