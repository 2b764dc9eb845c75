"""Write docs/operations.md's table, and pictures of every operation at its levels.

Examples:
  python benchmarks/operations.py
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, __file__.rpartition('/benchmarks/')[0])

import cv2
import numpy as np
from PIL import Image

from ddas_mm.augment.candidates import build_space
from ddas_mm.ops import SPACES, TABLES, OpSpec
from ddas_mm.ops.constants import resolve_constants
from ddas_mm.outcome.pictures import ImagePictures, lay_out_sheet

DOCS = Path(__file__).parents[1] / 'docs'
LEVELS = {'detection': (2, 4, 6, 8, 10), 'classification': (2, 6, 7, 10, 14)}
HEADER = '| operation | moves | from level 0 to 10 | unit | spaces |'
COLOURS = 128
BOXES = np.float32([[60, 210, 260, 400], [330, 320, 560, 430], [480, 40, 560, 120]])


def scene() -> np.ndarray:
    """Return a picture of a house, a car and the sun, (480, 640, 3) in BGR."""
    rows = np.linspace(0, 1, 480)[:, None, None]
    image = np.broadcast_to((1 - rows) * (235, 190, 130) + rows * 230, (480, 640, 3))
    image = np.array(image, np.uint8, order='C')
    image[380:] = (70, 140, 90)
    cv2.circle(image, (520, 80), 40, (60, 220, 250), -1)
    cv2.rectangle(image, (80, 290), (240, 400), (120, 160, 210), -1)
    cv2.fillPoly(image, [np.array([[60, 290], [160, 210], [260, 290]])], (40, 50, 150))
    cv2.rectangle(image, (100, 320), (140, 360), (250, 240, 200), -1)
    cv2.rectangle(image, (180, 320), (215, 400), (50, 70, 100), -1)
    cv2.rectangle(image, (330, 360), (560, 410), (180, 60, 40), -1)
    cv2.rectangle(image, (380, 320), (500, 365), (200, 110, 80), -1)
    for x in (380, 510):
        cv2.circle(image, (x, 410), 20, (30, 30, 30), -1)
    return image


def moved(spec: OpSpec) -> str:
    """Return in words what an operation moves."""
    if spec.moves_boxes:
        return 'image, boxes, masks, maps'
    if spec.moves:
        return 'what is inside a box'
    return 'pixels inside a box' if spec.acts_by_box else 'nothing'


def row(table: str, spec: OpSpec) -> str:
    """Return a line of the page's table."""
    ends, unit = '', ''
    if spec.level_map is not None:
        constants, sign = resolve_constants(table), '± ' if spec.signed else ''
        low, high = (spec.level_map(level, constants) for level in (0, 10))
        ends, unit = f'{sign}{low:g} to {high:g}', spec.level_map.unit
    spaces = [
        n for n, s in SPACES.items() if s['table'] == table and spec.name in s['ops']
    ]
    return f'| `{spec.name}` | {moved(spec)} | {ends} | {unit} | {", ".join(spaces)} |'


def draw(table: str) -> None:
    """Draw all operations of a table, a row for each that takes levels."""
    specs = sorted(TABLES[table].values(), key=lambda spec: not spec.takes_level)
    levels = LEVELS[table]
    space = build_space(
        {'table': table, 'ops': [spec.name for spec in specs], 'levels': levels}
    )
    results = {'img': scene(), 'gt_bboxes': BOXES}
    images = ImagePictures(space, results, 0)
    pictures = [images.candidate(k) for k in range(len(space))]
    heading = f'Table {table}: a row for each operation with levels, then the others.'
    sheet = lay_out_sheet(pictures, heading, 120, len(levels))
    path = DOCS / 'images' / f'operations_{table}.png'
    sheet.savefig(path)
    Image.open(path).convert('RGB').quantize(COLOURS).save(path, optimize=True)


def main() -> None:
    """Write the page's tables, each behind its heading, and the pictures."""
    page = DOCS / 'operations.md'
    text = page.read_text()
    for table, rows in TABLES.items():
        lines = [
            HEADER,
            '|---|---|---|---|---|',
            *(row(table, s) for s in rows.values()),
        ]
        begin, end = (f'<!-- {table}{mark} -->\n' for mark in ('', ' end'))
        block = '\n'.join([begin, *lines, '', end])
        text = re.sub(f'{begin}.*?{end}', lambda _, b=block: b, text, flags=re.DOTALL)
        draw(table)
    page.write_text(text)


if __name__ == '__main__':
    main()
