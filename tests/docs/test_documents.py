"""What README and docs tell people to type exists, and takes those options."""

import ast
import errno
import io
import os
import re
import runpy
import shlex
import sys
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / 'README.md',
    ROOT / 'CONTRIBUTING.md',
    *sorted((ROOT / 'docs').glob('*.md')),
]
BLOCK = re.compile(r'^```(\w+)\n(.*?)^```', re.MULTILINE | re.DOTALL)
LINK = re.compile(r'\]\(([^)#]+?)(?:#[^)]*)?\)')


def blocks(language):
    for page in PAGES:
        for found, text in BLOCK.findall(page.read_text()):
            if found == language:
                yield page, text


def commands():
    """Yield (page, words) of every command line that runs a file of tools/."""
    for page, text in blocks('bash'):
        for line in text.replace('\\\n', ' ').splitlines():
            words = shlex.split(line, comments=True)
            if any(word.startswith('tools/') for word in words):
                yield page, words


@cache
def help_of(tool):
    path, told = str(ROOT / tool), io.StringIO()
    with (
        patch.object(sys, 'argv', [path, '--help']),
        redirect_stdout(told),
        pytest.raises(SystemExit),
    ):
        runpy.run_path(path, run_name='tool')['main']()
    return told.getvalue()


def test_every_command_names_a_tool_and_its_options():
    seen = 0
    for page, words in commands():
        place = next(i for i, word in enumerate(words) if word.startswith('tools/'))
        tool = words[place]
        assert (ROOT / tool).is_file(), f'{page.name}: {tool}'
        # The distributed scripts hand their options on to the tool of that name.
        tool = re.sub(r'(dist|slurm)_(search|train)\.sh', r'\2.py', tool)
        options = [word for word in words[place + 1 :] if word.startswith('--')]
        if options and tool.endswith('.py'):
            seen += 1
            known = set(re.findall(r'--[\w-]+', help_of(tool)))
            unknown = {option.partition('=')[0] for option in options} - known
            assert not unknown, f'{page.name}: {tool} has no {unknown}'
    assert seen >= 5


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in LINK.findall(page.read_text()):
        if '://' not in target:
            assert (page.parent / target).exists(), target
            if target.endswith('.png'):
                assert (page.parent / target).stat().st_size < 300_000, target


def test_python_in_documents_compiles():
    count = 0
    for page, text in blocks('python'):
        compile(text, str(page), 'exec')
        count += 1
    assert count >= 5


def test_every_page_is_reached_from_the_readme():
    reached, todo = set(), [ROOT / 'README.md']
    while todo:
        page = todo.pop()
        if page not in reached:
            reached.add(page)
            links = LINK.findall(page.read_text())
            paths = [
                (page.parent / link).resolve() for link in links if '://' not in link
            ]
            todo += [path for path in paths if path.suffix == '.md']
    assert reached >= set(PAGES)


@cache
def messages():
    """Return the texts in package and tools, with … in the place of values."""
    texts = [os.strerror(errno.ENOSPC)]
    for path in [*(ROOT / 'ddas_mm').rglob('*.py'), *(ROOT / 'tools').glob('*.py')]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.JoinedStr):
                parts = (getattr(part, 'value', None) for part in node.values)
                texts.append(''.join(p if isinstance(p, str) else '…' for p in parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return texts


def quoted_errors():
    page = (ROOT / 'docs/troubleshooting.md').read_text()
    cells = re.findall(r'^\| (`.+?`) \|', page, re.MULTILINE)
    return [quoted for cell in cells for quoted in re.findall(r'`(.+?)`', cell)]


@pytest.mark.parametrize('quoted', quoted_errors())
def test_quoted_errors_are_what_is_told(quoted):
    # values are put in where the page has …, at times a part of the sentence, too
    parts = [part.strip(" :;,.()'") for part in quoted.split('…')]
    assert max(map(len, parts)) > 8
    for part in parts:
        assert any(part in message for message in messages()), part
