"""What README and docs tell people to type exists, and takes those options."""

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

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
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', ROOT / tool, '--help'],
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


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


def test_python_in_documents_compiles():
    count = 0
    for page, text in blocks('python'):
        compile(text, str(page), 'exec')
        count += 1
    assert count >= 5
