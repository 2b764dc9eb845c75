"""Contact sheets: many small pictures with boxes and masks on one page."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Polygon, Rectangle
from matplotlib.patheffects import AbstractPathEffect, withStroke

from ddas_mm.ops import Sample
from ddas_mm.visualization.plots import COLOURS

DPI = 100
FONT = 8.0  # points
LINE = 15  # pixels from one line of text to the next
LETTER = 7.2  # pixels that a letter takes at most, on average
GAP = 8  # pixels around pictures
SHAPE = 1.4  # width by height of a sheet, if the number of pictures allows
Colours = list[tuple[float, float, float]]
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


@dataclass(frozen=True)
class _Grid:
    """Where things are, in pixels from the top left."""

    columns: int
    rows: int
    width: int  # of a picture
    height: int  # of a picture
    title: int  # height of a title

    @classmethod
    def of(cls, pictures: Sequence[Picture], width: int, columns: int | None) -> _Grid:
        sides = [picture.sample.image.shape for picture in pictures]
        height = math.ceil(max(width * side[0] / side[1] for side in sides))
        title = LINE * max(len(picture.title.splitlines()) for picture in pictures)
        if columns is None:
            cell = (height + title + GAP) / (width + GAP)
            columns = max(round(math.sqrt(len(sides) * cell * SHAPE)), 1)
        columns = min(columns, len(sides))
        return cls(columns, math.ceil(len(sides) / columns), width, height, title)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of all pictures."""
        cell = self.height + self.title + GAP
        return self.columns * (self.width + GAP) + GAP, self.rows * cell + GAP

    def corner(self, index: int) -> tuple[int, int]:
        """Left and top of a picture, below its title."""
        row, column = divmod(index, self.columns)
        top = row * (self.height + self.title + GAP) + self.title
        return GAP + column * (self.width + GAP), top


def draw_contact_sheet(
    pictures: Sequence[Picture], heading: str, path: Path, width: int = 240
) -> None:
    """Write a PNG of all pictures; see :func:`lay_out_sheet`."""
    FigureCanvasAgg(lay_out_sheet(pictures, heading, width)).print_png(path)


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
    grid = _Grid.of(pictures, width, columns)
    across, down = grid.size
    across = max(across, 400)
    heading = textwrap.fill(heading, int((across - 2 * GAP) / LETTER))
    top = LINE * (heading.count('\n') + 1) + 2 * GAP
    figure = Figure(figsize=(across / DPI, (top + down) / DPI), dpi=DPI)
    total = top + down
    figure.text(GAP / across, 1 - GAP / total, heading, fontsize=FONT, va='top')
    for index, picture in enumerate(pictures):
        left, upper = grid.corner(index)
        height, breadth = picture.sample.image.shape[:2]
        high = width * height / breadth
        bottom = 1 - (top + upper + high) / total
        axes = figure.add_axes((left / across, bottom, width / across, high / total))
        draw_picture(axes, picture)
        longest = max(map(len, picture.title.splitlines()), default=1)
        size = FONT * min(1, width / (LETTER * max(longest, 1)))
        axes.annotate(
            picture.title,
            (0, 1),
            (0, 2),
            xycoords='axes fraction',
            textcoords='offset points',
            fontsize=size,
        )
    return figure


def draw_picture(axes: Axes, picture: Picture) -> None:
    """Draw image, segmentation map, masks and boxes; a box has its mask's colour."""
    sample = picture.sample
    height, width = sample.image.shape[:2]
    # Pixel i covers [i, i + 1): the coordinates of boxes and polygons.
    extent = (0, width, height, 0)
    axes.set_axis_off()
    axes.imshow(sample.image, extent=extent, aspect='auto')
    colours = [to_rgb(COLOURS[i % len(COLOURS)]) for i in picture.ids]
    layer = _bitmaps(sample, colours)
    if layer is not None:
        axes.imshow(layer, extent=extent, aspect='auto', interpolation='nearest')
    if isinstance(sample.masks, list):
        for parts, colour in zip(sample.masks, colours, strict=True):
            for points in parts:
                patch = Polygon(np.reshape(points, (-1, 2)), alpha=OPACITY, fc=colour)
                axes.add_patch(patch)
    outline: list[AbstractPathEffect] = [withStroke(linewidth=2.4, foreground='black')]
    for (x1, y1, x2, y2), colour in zip(sample.boxes, colours, strict=True):
        box = Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, clip_on=False)
        box.set(edgecolor=colour, linewidth=1.2)
        box.set_path_effects(outline)
        axes.add_patch(box)


def _bitmaps(sample: Sample, colours: Colours) -> np.ndarray | None:
    """(H, W, 4) float RGBA of segmentation map and bitmap masks, None without."""
    bitmaps = isinstance(sample.masks, np.ndarray)
    if sample.seg_map is None and not bitmaps:
        return None
    layer = np.zeros((*sample.image.shape[:2], 4), np.float32)
    if sample.seg_map is not None:
        palette = np.array([to_rgb(colour) for colour in COLOURS], np.float32)
        layer[..., :3] = palette[sample.seg_map % len(palette)]
        layer[..., 3] = OPACITY * (sample.seg_map != IGNORED)
    if isinstance(sample.masks, np.ndarray):
        for mask, colour in zip(sample.masks, colours, strict=True):
            layer[mask > 0] = (*colour, OPACITY)
    return layer
