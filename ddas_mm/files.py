"""Writing files so that a reader or a kill never meets half of one."""

import glob
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from ddas_mm.errors import SettingError

STALE = 600.0  # seconds after which nobody is writing a temporary file any more


def write_atomically(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Replace a file so that a reader or a kill never meets half of it.

    What killed writers of the file have left beside it is removed.
    """
    path = Path(path)
    part = path.with_name(f'.{path.name}.{uuid4().hex}')
    try:
        with part.open('wb') as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException as error:
        with suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):  # of a full disk: tells no file by itself
            error.filename = str(path)
        raise
    for left in path.parent.glob(glob.escape(f'.{path.name}.') + '*'):
        with suppress(OSError):  # another process may remove it, too
            if time.time() - left.stat().st_mtime > STALE:
                left.unlink()


def read_json(path: Any, name: str) -> Any:
    """Read a JSON file.

    Args:
        path: The file.
        name: What it is, for messages.

    Raises:
        SettingError: If it is missing or no JSON.
    """
    try:
        return json.loads(Path(path).read_bytes().decode('utf-8'))
    except (OSError, TypeError) as error:
        reason = getattr(error, 'strerror', error)
        raise SettingError(f'{name} cannot be read: {reason}') from None
    except UnicodeDecodeError:
        raise SettingError(
            f'{name} is not a text file; give the file that a search has written'
        ) from None
    except (ValueError, RecursionError) as error:
        raise SettingError(f'{name} is not valid JSON: {error}') from None


def templates(package: str, **settings: Any) -> Any:
    """Return Jinja's environment of a package's templates.

    Args:
        package: Dotted name of the package that the templates lie in.
        **settings: Of ``jinja2.Environment``, beside those that all templates share.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined  # few write by them

    settings |= {'trim_blocks': True, 'lstrip_blocks': True}
    loader = PackageLoader(package, '')
    return Environment(loader=loader, undefined=StrictUndefined, **settings)


def tool_path(name: str) -> str:
    """Return the path of a tool, as it is typed in the current folder.

    Args:
        name: Its path in the folder of the tools, which lies beside the package in a
            checkout and inside of a package that was installed from a wheel.
    """
    package, here = Path(__file__).resolve().parent, Path.cwd()
    inside = package / '.mim'
    path = (inside if inside.is_dir() else package.parent) / 'tools' / name
    path = path.resolve()  # of an editable install, which has links to the checkout
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def tool_words(name: str) -> list[str]:
    """Return what is typed to run a Python tool: ``ddas NAME`` without a checkout."""
    path = Path(tool_path(name))
    return ['ddas', path.stem] if '.mim' in path.parts else ['python', str(path)]
