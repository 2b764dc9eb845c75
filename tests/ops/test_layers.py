"""The operations stand on their own: no framework comes in with them."""

import subprocess
import sys

_CODE = """
import sys
import ddas_mm.ops
heavy = 'torch torchvision scipy PIL mmcv mmengine mmdet mmpretrain'.split()
found = sorted(name for name in heavy if name in sys.modules)
found += sorted(
    name for name in sys.modules
    if name.startswith('ddas_mm.') and name.split('.')[1] not in ('ops', 'errors')
)
sys.exit(f'ddas_mm.ops imports {found}' if found else 0)
"""


def test_only_numpy_and_opencv_are_imported():
    done = subprocess.run(
        [sys.executable, '-c', _CODE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
