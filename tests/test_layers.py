"""The layers of the architecture: who may import what."""

import subprocess
import sys

import pytest

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
