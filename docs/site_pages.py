"""A hook of mkdocs: pages of the repository that lie outside ``docs/``.

On GitHub every page links to the others by their places in the repository. The site has
``docs/`` as its root, so links between the two are turned on the way.
"""

import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parent.parent
# where a page lies in the repository, and on the site
PAGES = {
    'README.md': 'index.md',
    'configs/README.md': 'configs/README.md',
    'CONTRIBUTING.md': 'CONTRIBUTING.md',
    'CHANGELOG.md': 'CHANGELOG.md',
}
LINK = re.compile(r'(\]\()(?!\w+:)([^)#\s]+)')  # none to elsewhere


def on_files(files, config):
    """Add the pages."""
    for source, page in PAGES.items():
        path = str(ROOT / source)
        files.append(File.generated(config, page, abs_src_path=path))
    return files


def on_page_markdown(markdown, page, **_):
    """Turn a page's links from the repository's places to the site's."""
    places = {page: source for source, page in PAGES.items()}
    path = page.file.src_uri
    source = ROOT / places.get(path, f'docs/{path}')

    def turned(link):
        target = (source.parent / link[2]).resolve().relative_to(ROOT).as_posix()
        if target in PAGES:
            target = PAGES[target]
        elif target.startswith('docs/'):
            target = target.removeprefix('docs/')
        else:  # a file or folder that is no page: its name alone
            return f'{link[1]}{"../" * path.count("/")}index.md'
        return f'{link[1]}{"../" * path.count("/")}{target}'

    return LINK.sub(turned, markdown)
