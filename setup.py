"""Build script: ``pip install .`` takes the MM packages as they are found."""

import runpy
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
# What openmim and its users look for in <package>/.mim.
MIM = ('configs', 'tools', 'model-index.yml')


class BuildWithMim(build_py):
    """Put configs, tools and the model index into the package.

    A wheel gets copies; an editable install links to the checkout.
    """

    def run(self) -> None:
        """Build the package, then its ``.mim``."""
        super().run()
        target = ROOT if self.editable_mode else Path(self.build_lib)
        target = target / 'ddas_mm' / '.mim'
        shutil.rmtree(target, ignore_errors=True)  # of an earlier build
        target.mkdir(parents=True)
        for name in MIM:
            if self.editable_mode:
                (target / name).symlink_to(Path('..', '..', name))
            elif (ROOT / name).is_dir():
                skip = shutil.ignore_patterns('__pycache__')
                shutil.copytree(ROOT / name, target / name, ignore=skip)
            else:
                shutil.copy2(ROOT / name, target / name)
        runpy.run_path(f'{target}/configs/_base_/generate.py', run_name='__main__')


setup(cmdclass={'build_py': BuildWithMim})  # all else is in pyproject.toml
