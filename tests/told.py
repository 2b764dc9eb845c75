"""What a user of the tools is told of wrong input."""

import re
from collections.abc import Callable

import mmengine.runner.runner
import pytest
from mmengine.config import Config

from ddas_mm.cli.run import run_tool

REMOVED = object()


def lighten(monkeypatch) -> None:
    """Leave out what takes MMEngine's runner most of its start."""
    # asks compilers and drivers for their versions
    monkeypatch.setattr(mmengine.runner.runner, 'collect_env', dict)
    # formats the config, for the log and the work_dir
    monkeypatch.setattr(Config, 'pretty_text', '')


def told(main: Callable[[], None], capsys, monkeypatch) -> str:
    """Run a tool that must end by sentences; return them, a line each."""
    lighten(monkeypatch)
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        run_tool(main)
    assert end.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert re.match('.+: error: .', lines[-1])
    assert not any(line.startswith('Traceback') for line in lines)
    return '\n'.join(
        line.partition(': error: ')[2] for line in lines if ': error: ' in line
    )


def change(config, changes: dict) -> None:
    """Set dotted keys of a config, or remove them; dicts replace, not merge."""
    for key, value in changes.items():
        *path, last = key.split('.')
        section = config
        for name in path:
            section = section[int(name) if isinstance(section, list) else name]
        if value is REMOVED:
            del section[last]
        else:
            section[last] = value
