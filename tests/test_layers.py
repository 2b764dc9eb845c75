"""The layers of the architecture: who may import what."""

import ast
import subprocess
import sys

import pytest

from tests.ranks import ROOT

FRAMEWORKS = ('mmengine', 'mmcv', 'mmdet', 'mmpretrain')


def imported_by(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after the statement."""
    code = (
        f'{statement}; import sys; print(*{{m.partition(".")[0] for m in sys.modules}})'
    )
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(result.stdout.split())


@pytest.mark.parametrize(
    ('package', 'forbidden'),
    [
        ('ddas_mm', {*FRAMEWORKS, 'torch', 'numpy', 'cv2', 'scipy'}),
        ('ddas_mm.policy', {*FRAMEWORKS, 'cv2', 'PIL'}),
        ('ddas_mm.ops', {*FRAMEWORKS, 'torch', 'scipy', 'PIL'}),
        ('ddas_mm.augment', {'mmdet', 'mmpretrain'}),
        ('ddas_mm.search', {'mmdet', 'mmpretrain'}),
    ],
)
def test_package_imports_nothing_of_a_higher_layer(package, forbidden):
    assert not imported_by(f'import {package}') & forbidden


def test_components_resolve_without_custom_imports():
    code = (
        'from mmengine.registry import LOOPS, HOOKS, TRANSFORMS; '
        "print(LOOPS.get('ddas_mm.DDASLoop').__name__, "
        "HOOKS.get('ddas_mm.DDASHook').__name__, "
        "TRANSFORMS.get('ddas_mm.DDASAugment').__name__)"
    )
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.split() == ['DDASLoop', 'DDASHook', 'DDASAugment']


# Each room imports only rooms that stand before it; those of one line do not meet.
ROOMS = (
    ('__init__', 'errors', 'files', 'randomness'),
    ('config', 'registry', 'ops'),
    ('policy', 'models', 'datasets'),
    ('augment',),
    ('search',),
    ('outcome', 'export'),
    ('hook',),
    ('derive',),
    ('cli',),
)
FLOOR = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}
SOURCES = sorted((ROOT / 'ddas_mm').rglob('*.py'))


def room_of(name: str) -> str:
    """Room of a module's dotted name."""
    return [*name.split('.'), '__init__'][1]


@pytest.mark.parametrize('path', SOURCES, ids=lambda p: f'{p.parent.name}.{p.stem}')
def test_room_imports_only_what_stands_below_it(path):
    here = room_of('.'.join(path.relative_to(ROOT).with_suffix('').parts))
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or '').startswith(
            'ddas_mm'
        ):
            for alias in node.names:
                there = room_of(f'{node.module}.{alias.name}')
                same_floor = FLOOR[here] == 0 == FLOOR[there]
                assert there == here or same_floor or FLOOR[there] < FLOOR[here], there
