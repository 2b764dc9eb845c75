"""The reference site builds, and what it links to and shows is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('site')
    command = [sys.executable, '-m', 'mkdocs', 'build', '--strict', '-d', folder]
    quiet = {**os.environ, 'NO_MKDOCS_2_WARNING': '1'}
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_site_has_every_page_and_links_to_files_that_exist(site):
    pages = list(site.rglob('*.html'))
    assert len(pages) > len(list((ROOT / 'docs').glob('*.md')))
    for page in pages:
        if page.name == '404.html':  # its links are absolute
            continue
        for link in re.findall(r'(?:href|src)="(?!\w+:)([^"#?]+)', page.read_text()):
            target = (page.parent / link).resolve()
            assert target.exists(), f'{page.relative_to(site)} links to {link}'


def test_reference_shows_settings_of_what_configs_name(site):
    text = re.sub(r'<[^>]+>', '', (site / 'reference' / 'index.html').read_text())
    for words in ('policy_dataloader', 'image_interval', 'register_update_rule'):
        assert words in text
