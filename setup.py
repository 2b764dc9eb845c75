"""Build script: ``pip install .`` takes the MM packages as they are found."""

import runpy
import shutil
from pathlib import Path

from setuptools import find_packages, setup
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


def read_version() -> str:
    """Return ``__version__`` without importing the package."""
    namespace: dict = {}
    exec((ROOT / 'ddas_mm' / '__init__.py').read_text(), namespace)
    return namespace['__version__']


def read_requirements(name: str) -> list[str]:
    """Return the lines of ``requirements/<name>.txt`` without comments."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


def read_readme() -> str:
    """Return the README, or nothing while there is none."""
    readme = ROOT / 'README.md'
    return readme.read_text(encoding='utf-8') if readme.exists() else ''


setup(
    name='ddas_mm',
    version=read_version(),
    description='Direct Differentiable Augmentation Search for OpenMMLab',
    long_description=read_readme(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['ddas_mm', 'ddas_mm.*']),
    cmdclass={'build_py': BuildWithMim},
    entry_points={'console_scripts': ['ddas = ddas_mm.cli:main']},
    package_data={'ddas_mm.outcome': ['*.jinja']},
    python_requires='>=3.10',
    # Neither torch nor an mm package: a project has one of the two stacks already
    # (requirements/mminstall.txt, requirements/mminstall_classic.txt).
    install_requires=read_requirements('runtime'),
)
