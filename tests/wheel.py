"""Our wheel, installed where nothing else of this checkout can be imported."""

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ('ddas_mm', 'configs', 'tools', 'requirements', 'setup.py', 'pyproject.toml')
TEXTS = ('MANIFEST.in', 'README.md', 'LICENSE', 'CHANGELOG.md', 'model-index.yml')


@dataclass(frozen=True)
class InstalledWheel:
    """A virtual environment with our wheel, and with torch and the mm packages.

    Args:
        wheel: The wheel's file.
        python: The environment's interpreter.
        package: The folder ``ddas_mm`` in its site-packages.
    """

    wheel: Path
    python: Path
    package: Path

    @property
    def mim(self) -> Path:
        """The folder of configs, tools and model-index.yml."""
        return self.package / '.mim'

    def run(
        self, *arguments: str | Path, cwd: Path, **variables: str
    ) -> subprocess.CompletedProcess:
        """Run the interpreter in ``cwd``; returns status, stdout and stderr."""
        environment = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
        return subprocess.run(
            [self.python, '-W', 'ignore', *arguments],
            cwd=cwd,
            env={**environment, **variables},
            capture_output=True,
            text=True,
        )


def install_wheel(folder: Path) -> InstalledWheel:
    """Build the wheel from a copy of the sources and install it, in ``folder``."""
    sources = folder / 'sources'
    for name in SOURCES + TEXTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        sources.mkdir(exist_ok=True)
        copy(ROOT / name, sources / name)
    (sources / 'configs/metafile.yml').unlink()  # which the build has to write
    pip('wheel', '--no-build-isolation', '-w', folder, sources)
    (wheel,) = folder.glob('ddas_mm-*.whl')

    venv = folder / 'venv'
    call(sys.executable, '-m', 'venv', '--without-pip', venv)
    version = f'python{sys.version_info.major}.{sys.version_info.minor}'
    packages, python = venv / 'lib' / version / 'site-packages', venv / 'bin' / 'python'
    # The .pth files in there, and so the editable ddas_mm, are not read.
    (packages / 'base.pth').write_text(sysconfig.get_path('purelib') + '\n')
    pip('--python', python, 'install', '--no-index', wheel)
    return InstalledWheel(wheel, python, packages / 'ddas_mm')


def pip(*arguments: str | Path) -> None:
    call(sys.executable, '-m', 'pip', *arguments, '--no-deps', '-q')


def call(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
