"""Training images, and pictures of what candidates and policies do to them."""

import base64
import io
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from matplotlib.patheffects import AbstractPathEffect, withStroke
from mmengine.config import Config

from ddas_mm.augment.adapter import unpack
from ddas_mm.augment.candidates import CandidateOps
from ddas_mm.config import init_scope
from ddas_mm.errors import SettingError
from ddas_mm.ops import Sample
from ddas_mm.outcome.plots import COLOURS
from ddas_mm.policy import PolicySchedule, SearchSpace
from ddas_mm.search.data import build_dataset
from ddas_mm.search.views import MarkedDataset

TRIES = 200  # images that are looked at for some with boxes


class Examples(MarkedDataset):
    """Images of a data set after the steps that come before DDASAugment.

    Args:
        dataset: A built mm data set, or a ConcatDataset of such.

    Raises:
        SettingError: If a pipeline does not hold exactly one DDASAugment.
    """

    def __init__(self, dataset: Any) -> None:
        super().__init__(dataset, range(len(dataset)), seed=0)

    @classmethod
    def from_config(cls, config: Config) -> 'Examples':
        """Build them from ``train_dataloader.dataset`` of a config.

        Raises:
            SettingError: If there is none, or its files are missing.
        """
        loader = config.get('train_dataloader')
        if not isinstance(loader, Mapping):
            raise SettingError(f'{config.filename!r} has no train_dataloader')
        init_scope(config)
        return cls(build_dataset(loader.get('dataset'), 'train_dataloader.dataset'))

    def choose(self, number: int, seed: int) -> list[dict[str, Any]]:
        """Return mm's dicts of the first images with boxes; others if too few have."""
        chosen: list[dict[str, Any]] = []
        others: list[dict[str, Any]] = []
        for index in range(min(len(self), TRIES)):
            results = self.loaded(index, seed)
            if results is not None:
                boxes = results.get('gt_bboxes')
                (chosen if boxes is None or len(boxes) else others).append(results)
            if len(chosen) == number:
                break
        return (chosen + others)[:number]


DPI = 100
FONT = 8.0  # points
LINE = 15  # pixels from one line of text to the next
LETTER = 7.2  # pixels that a letter takes at most, on average
GAP = 8  # pixels around pictures
LEAST_WIDTH = 400  # pixels of a sheet, for its heading
SHAPE = 1.4  # width by height of a sheet, if the number of pictures allows
IGNORED = 255  # of segmentation maps
OPACITY = 0.45


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of a sheet.

    Attributes:
        title: What stands above it; lines are separated by newlines.
        sample: Image in **RGB**, boxes, masks and segmentation map.
        ids: (N,) number of each box, which gives it its colour.
    """

    title: str
    sample: Sample
    ids: Sequence[int] = ()


def draw_contact_sheet(
    pictures: Sequence[Picture], heading: str, path: Path, width: int = 240
) -> None:
    """Write a PNG of all pictures; see :func:`lay_out_sheet`."""
    lay_out_sheet(pictures, heading, width).savefig(path)


def lay_out_sheet(
    pictures: Sequence[Picture],
    heading: str,
    width: int = 240,
    columns: int | None = None,
) -> Figure:
    """Return a figure of all pictures, in rows, with boxes and masks drawn.

    Args:
        pictures: At least one.
        heading: What stands above all; long text is wrapped.
        width: Width of a picture on the sheet, in pixels.
        columns: Pictures in a row; None for a sheet that is a little wider than high.
    """
    heights = [width * _slope(picture) for picture in pictures]
    title = LINE * max(len(picture.title.splitlines()) for picture in pictures)
    cell_width, cell_height = width + GAP, math.ceil(max(heights)) + title + GAP
    if columns is None:
        squares = len(pictures) * cell_height / cell_width
        columns = max(round(math.sqrt(squares * SHAPE)), 1)
    columns = min(columns, len(pictures))
    across = max(columns * cell_width + GAP, LEAST_WIDTH)
    heading = textwrap.fill(heading, int((across - 2 * GAP) / LETTER))
    top = LINE * (heading.count('\n') + 1) + 2 * GAP
    down = top + math.ceil(len(pictures) / columns) * cell_height + GAP
    figure = Figure(figsize=(across / DPI, down / DPI), dpi=DPI)
    figure.text(GAP / across, 1 - GAP / down, heading, fontsize=FONT, va='top')
    for index, (picture, height) in enumerate(zip(pictures, heights, strict=True)):
        row, column = divmod(index, columns)
        left = (GAP + column * cell_width) / across
        bottom = 1 - (top + row * cell_height + title + height) / down
        axes = figure.add_axes((left, bottom, width / across, height / down))
        draw_picture(axes, picture)
        longest = max(map(len, picture.title.splitlines()), default=1)
        size = FONT * min(1, width / (LETTER * max(longest, 1)))
        axes.set_title(picture.title, loc='left', pad=2, fontsize=size)
    return figure


def _slope(picture: Picture) -> float:
    height, width = picture.sample.image.shape[:2]
    return height / width


def draw_picture(axes: Axes, picture: Picture) -> None:
    """Draw image, segmentation map, masks and boxes; a box has its mask's colour."""
    sample = picture.sample
    height, width = sample.image.shape[:2]
    # Pixel i covers [i, i + 1): the coordinates of boxes and polygons.
    show = partial(axes.imshow, extent=(0, width, height, 0), aspect='auto')
    axes.set_axis_off()
    show(sample.image)
    colours = [COLOURS[i % len(COLOURS)] for i in picture.ids]
    layer = partial(show, alpha=OPACITY, interpolation='nearest', vmin=0)
    if sample.seg_map is not None:
        classes = np.ma.masked_equal(sample.seg_map, IGNORED) % len(COLOURS)
        layer(classes, vmax=len(COLOURS) - 1, cmap=ListedColormap(COLOURS))
    if isinstance(sample.masks, np.ndarray):
        for mask, colour in zip(sample.masks, colours, strict=True):
            layer(np.ma.masked_equal(mask, 0), vmax=1, cmap=ListedColormap([colour]))
    if isinstance(sample.masks, list):
        for parts, colour in zip(sample.masks, colours, strict=True):
            for points in parts:
                patch = Polygon(np.reshape(points, (-1, 2)), alpha=OPACITY, fc=colour)
                axes.add_patch(patch)
    outline: list[AbstractPathEffect] = [withStroke(linewidth=2.4, foreground='black')]
    corners = sample.corners
    if corners is None:
        corners = sample.boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
    for points, colour in zip(corners, colours, strict=True):
        box = Polygon(points, fill=False, clip_on=False)
        box.set(edgecolor=colour, linewidth=1.2)
        box.set_path_effects(outline)
        axes.add_patch(box)


DRAWS = 20  # draws per candidate until one shows
RANGE = 0.1, 99.9  # percentiles of 16 bits that are shown as black and white


class ImagePictures:
    """Pictures of one image of the training data.

    Args:
        space: Candidates and constants.
        results: mm's dict of the image, before DDASAugment; left as it is.
        seed: Seed of all randomness.
    """

    def __init__(self, space: SearchSpace, results: dict[str, Any], seed: int) -> None:
        self.labels, self.ops, self.seed = space.labels, CandidateOps(space), seed
        # ids tell who is left in the end
        boxes = results.get('gt_bboxes')
        ids = {} if boxes is None else {'gt_instances_ids': np.arange(len(boxes))}
        self.results = {**results, **ids}

    def original(self) -> Picture:
        """Return the image as it is."""
        return self._picture('original', self.results)

    def candidate(self, index: int) -> Picture:
        """Return the image after a candidate, which is drawn until it shows."""
        for attempt in range(DRAWS):
            rng = np.random.default_rng([self.seed, index, attempt])
            done = self.ops.apply(self.results, [index], rng)
            changed = not np.array_equal(done['img'], self.results['img'])
            if changed:
                break
        label = self.labels[index]
        return self._picture(label if changed else f'{label} (no change)', done)

    def samples(
        self, schedule: PolicySchedule, row: int, number: int
    ) -> Iterator[Picture]:
        """Yield the image after policies drawn from one row of a schedule."""
        for sample in range(number):
            rng = np.random.default_rng([self.seed, sample])
            policy = schedule.draw(row, rng)
            done = self.ops.apply(self.results, policy, rng)
            title = '\n'.join(self.labels[k] for k in policy)
            yield self._picture(title or 'not augmented', done)

    def _picture(self, title: str, done: dict[str, Any]) -> Picture:
        """Return the picture of a sample; says how many boxes are left."""
        ids = done.get('gt_instances_ids', ())
        total = len(self.results.get('gt_instances_ids', ()))
        if len(ids) < total:
            title += f'\n{len(ids)} of {total} boxes left'
        try:
            sample = unpack(done)
        except SettingError:  # of boxes that the space leaves alone
            sample, ids = unpack(done, needs_boxes=False, moves=False), ()
        return Picture(title, replace(sample, image=self._rgb(sample.image)), ids)

    def _rgb(self, image: np.ndarray) -> np.ndarray:
        """Return (H, W, 3) uint8; 16 bits by what the image uses of their range."""
        if image.dtype == np.uint16:
            low, high = np.percentile(self.results['img'], RANGE)
            levels = (image.astype(np.float32) - low) * (255 / max(high - low, 1))
            image = levels.clip(0, 255).astype(np.uint8)
        image = image.take([0, 1, 2], axis=2, mode='clip')  # one channel, or the first
        bgr = self.ops.constants.channel_order == 'bgr'
        return np.ascontiguousarray(image[..., ::-1] if bgr else image)


SHOWN = 6  # candidates with pictures, from either end
WIDTH = 280  # pixels
QUALITY = 80  # of JPEG


@dataclass(frozen=True)
class Tile:
    """A picture as a ``data:`` address, and what to note of it."""

    source: str
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


def shown_candidates(schedule: PolicySchedule) -> tuple[list[int], list[int]]:
    """Return which candidates are shown on images: the best, and the worst."""
    ranked = schedule.ranking()
    return ranked[:SHOWN], ranked[SHOWN:][-SHOWN:]


def draw_gallery(
    examples: Examples, schedule: PolicySchedule, number: int = 2, seed: int = 0
) -> Gallery:
    """Draw the best and the worst candidates on a few images.

    Args:
        examples: The training images.
        schedule: The policy.
        number: How many images.
        seed: Seed of all randomness.

    Raises:
        SettingError: If an image is missing or cannot be augmented.
    """
    space, labels = schedule.space, schedule.space.labels
    images = [ImagePictures(space, i, seed) for i in examples.choose(number, seed)]
    top, bottom = shown_candidates(schedule)
    return Gallery(
        [_tile(image.original(), 'original') for image in images],
        {k: [_tile(i.candidate(k), labels[k]) for i in images] for k in top + bottom},
    )


def _tile(picture: Picture, label: str) -> Tile:
    size = WIDTH / DPI, WIDTH * _slope(picture) / DPI
    figure = Figure(figsize=size, dpi=DPI)
    draw_picture(figure.add_axes((0, 0, 1, 1)), picture)
    file = io.BytesIO()
    options = {'quality': QUALITY, 'optimize': True}
    figure.savefig(file, format='jpg', pil_kwargs=options)
    code = base64.b64encode(file.getvalue()).decode()
    note = picture.title.removeprefix(label).replace('\n', ' ').strip(' ()')
    return Tile(f'data:image/jpeg;base64,{code}', note)
