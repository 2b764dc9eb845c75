"""Build script: ``pip install .`` takes the MM packages as they are found."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent


def read_version() -> str:
    """Return ``__version__`` without importing the package."""
    namespace: dict = {}
    exec((ROOT / 'ddas_mm' / 'version.py').read_text(), namespace)
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
    python_requires='>=3.10',
    # Neither torch nor an mm package: a project has one of the two stacks already
    # (requirements/mminstall.txt, requirements/mminstall_classic.txt).
    install_requires=read_requirements('runtime'),
)
