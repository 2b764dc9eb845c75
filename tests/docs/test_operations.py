"""The page of operations says what the tables in code say."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from ddas_mm.augment.candidates import build_space
from ddas_mm.ops import SPACES, TABLES, Sample, apply_to_sample, resolve_constants
from ddas_mm.ops.spaces import expand_candidates

DOCS = Path(__file__).parents[2] / 'docs'
PAGE = (DOCS / 'operations.md').read_text()


def rows(table):
    """Name -> the other cells of the table's line."""
    block = re.search(f'<!-- {table} -->(.*)<!-- {table} end -->', PAGE, re.DOTALL)[1]
    lines = [line for line in block.splitlines() if line.startswith('| `')]
    cells = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]
    return {name.strip('`'): rest for name, *rest in cells}


@pytest.mark.parametrize('table', TABLES)
def test_page_has_every_operation_in_the_order_of_the_table(table):
    assert list(rows(table)) == [name for name in TABLES[table] if name in rows(table)]
    own = {name for name, spec in TABLES[table].items() if spec.name == name}
    assert {*rows(table)} <= own
    assert len(rows(table)) == {'detection': 30, 'classification': 21}[table]


@pytest.mark.parametrize('table', TABLES)
def test_levels_and_units_are_those_of_the_code(table):
    constants = resolve_constants(table)
    for name, (_, ends, unit, _) in rows(table).items():
        spec = TABLES[table][name]
        if not spec.takes_level:
            assert ends == unit == ''
            continue
        sign, low, high = re.fullmatch(r'(± )?(\S+) to (\S+)', ends).groups()
        assert bool(sign) == spec.signed, name
        found = [spec.level_map(level, constants) for level in (0, 10)]
        np.testing.assert_allclose(found, [float(low), float(high)], err_msg=name)
        assert unit == spec.level_map.unit


@pytest.mark.parametrize('table', TABLES)
def test_spaces_are_those_that_have_the_operation(table):
    for name, (*_, told) in rows(table).items():
        holders = [
            space
            for space, settings in SPACES.items()
            if settings['table'] == table
            and name in {op for op, _ in build_space(dict(name=space)).candidates}
        ]
        assert told == ', '.join(holders), name


class EveryBox:
    """Draws that act on every box, and move to the positive side."""

    def random(self):
        return 0.99

    def integers(self, low, high):
        return (low + high) // 2

    def permutation(self, n):
        return np.arange(n)


@pytest.mark.parametrize('table', TABLES)
def test_what_is_said_to_move_moves(table):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (60, 80, 3), np.uint8)
    mask = np.zeros((1, 60, 80), np.uint8)
    mask[0, 12:30, 15:34] = 1
    boxes = np.float32([[10, 10, 40, 36]])
    constants = resolve_constants(table)
    for name, (told, *_) in rows(table).items():
        spec = TABLES[table][name]
        sample = Sample(image, boxes, mask)
        level = 1 if spec.takes_level else None
        done = apply_to_sample(spec, level, sample, EveryBox(), constants)
        moves = not np.array_equal(done.masks, mask), (done.boxes != boxes).any()
        expected = {
            'image, boxes, masks, maps': (True, True),
            'what is inside a box': (True, False),
            'pixels inside a box': (False, False),
            'nothing': (False, False),
        }[told]
        assert moves == expected, name
        changed = (done.image != image).any(axis=2)
        if 'inside' in told:
            changed[10:37, 10:41] = False  # the far edge included, as in Zoph et al.
            assert not changed.any(), name


@pytest.mark.parametrize('space', ['coco', 'detection', 'segmentation'])
def test_numbers_of_candidates_are_right(space):
    settings = SPACES[space]
    size = len(expand_candidates('detection', settings['ops'], settings['levels']))
    (told,) = re.findall(rf'^- `{space}` .*?(\d+) candidates', PAGE, re.M | re.DOTALL)
    assert int(told) == size


def test_pictures_are_of_every_candidate():
    for table in TABLES:
        picture = cv2.imread(str(DOCS / 'images' / f'operations_{table}.png'))
        levels = sum(spec.takes_level for spec in TABLES[table].values())
        assert picture.shape[0] > 90 * levels  # a row for each
