"""The notebook: what lies in the repository, and that it runs from the wheel alone."""

import json
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / 'examples' / 'quickstart.ipynb'
EXECUTE = """
import sys
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=1200, kernel_name='python3').execute()
nbformat.write(notebook, 'executed.ipynb')
"""


def outputs_of(path):
    cells = [c for c in json.loads(path.read_text())['cells'] if 'outputs' in c]
    return [output for cell in cells for output in cell['outputs']], cells


def test_notebook_lies_here_without_outputs_but_one_picture():
    outputs, cells = outputs_of(NOTEBOOK)
    assert all(cell['execution_count'] is None for cell in cells)
    (picture,) = outputs
    assert 'image/png' in picture['data']


@pytest.mark.slow
def test_notebook_runs_from_the_wheel_alone(wheel, tmp_path):
    done = wheel.run('-c', EXECUTE, NOTEBOOK, cwd=tmp_path, SMALL='1')
    assert done.returncode == 0, done.stdout + done.stderr
    outputs, _ = outputs_of(tmp_path / 'executed.ipynb')
    texts = [''.join(output.get('text', '')) for output in outputs]
    assert any('DDAS epoch 2 of 2' in text for text in texts)
    assert sum(text.count('mAP ') for text in texts) == 2
    assert sum('image/png' in output.get('data', {}) for output in outputs) == 4
