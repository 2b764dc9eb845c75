"""What is typed: commands, their options, and how they end."""

import ast
import runpy
import sys
from pathlib import Path

from ddas_mm.cli.parser import ToolParser
from ddas_mm.files import tool_path


def main() -> None:
    """Run ``ddas NAME ...``: what ``python tools/.../NAME.py ...`` does."""
    folder = Path(tool_path('.'))
    paths = [*sorted(folder.glob('*.py')), *sorted(folder.glob('*/*.py'))]
    tools = {path.stem: path for path in paths}
    lines = ['Search augmentation policies, and use them.', '', 'commands:']
    for name, path in tools.items():
        text = ast.get_docstring(ast.parse(path.read_text(encoding='utf-8')))
        lines.append(f'  {name:18} {str(text).splitlines()[0]}')
    sys.argv[0] = 'ddas'
    parser = ToolParser('\n'.join(lines))
    parser.add_argument('command', metavar='COMMAND', choices=tools)
    command = parser.parse_args(sys.argv[1:2] or ['--help']).command
    sys.orig_argv = sys.argv  # as a run that is stopped tells how to go on
    sys.argv = [f'ddas {command}', *sys.argv[2:]]
    from ddas_mm.cli.run import run_tool  # imports torch: not for --help

    run_tool(runpy.run_path(str(tools[command]))['main'])
