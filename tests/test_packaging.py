"""The wheel: what a user gets who has no checkout; and the model index in it."""

import json
import zipfile
from pathlib import Path

import pytest
from mmengine.config import Config
from modelindex.load_model_index import load

ROOT = Path(__file__).parents[1]


def names_below(folder):
    return {
        str(path.relative_to(folder))
        for path in folder.rglob('*')
        if path.is_file()
        and path.suffix in {'.py', '.sh', '.yml', '.md', '.jinja', '.json', '.typed'}
    }


def test_wheel_holds_the_package_and_mims_folder_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel.wheel) as archive:
        names = set(archive.namelist())
    mim = {name for name in names if name.startswith('ddas_mm/.mim/')}
    for folder in ('configs', 'tools'):
        expected = {f'ddas_mm/.mim/{folder}/{n}' for n in names_below(ROOT / folder)}
        assert {n for n in mim if n.split('/')[2] == folder} == expected
    assert 'ddas_mm/.mim/model-index.yml' in mim
    modules = {f'ddas_mm/{name}' for name in names_below(ROOT / 'ddas_mm')}
    rest = {name for name in names - mim if '.dist-info/' not in name}
    assert rest == {name for name in modules if '/.mim/' not in name}


def test_search_runs_from_the_wheel_alone(wheel, tmp_path):
    def call(*words):
        done = wheel.run(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr

    ddas = wheel.python.parent / 'ddas'
    call(ddas, 'digits', '--num-train', '8', '--num-val', '8', '--num-test', '4')
    config = wheel.mim / 'configs' / 'ddas_retinanet_r18_digits.py'
    small = ('train_cfg.max_epochs=1', 'train_cfg.proxy.num_train=4')
    # what "mim run ddas_mm search ..." calls
    call(wheel.mim / 'tools/search.py', config, '--cfg-options', *small)
    found = tmp_path / 'work_dirs' / 'ddas_retinanet_r18_digits'
    assert len(json.loads((found / 'policy.json').read_text())['total_prob']) == 1
    assert (found / 'retrain_retinanet_r18_digits.py').is_file()
    call(ddas, 'report', found, '--out', 'again.html')
    told = (tmp_path / 'again.html').read_text()
    assert f'ddas train {found}/retrain_retinanet_r18_digits.py' in told


IMPORTING = """
import runpy, shlex, sys
from pathlib import Path
from ddas_mm.files import tool_path
from ddas_mm.outcome.report import commands
for name in ('compare', 'sanity_check', 'export_policy'):
    runpy.run_path(sys.argv[1] + f'/tools/analysis_tools/{name}.py')
import tools
assert Path(tools.__file__).parts[-3:-1] == ('other', 'tools')
single, several = [shlex.split(command) for _, command in commands(Path())]
assert single == ['ddas', 'train', 'retrain_x.py']
for path in (several[1], *map(tool_path, ('train.py', 'test.py', 'search.py'))):
    assert Path(path).is_file(), path
"""


def test_tools_of_a_wheel_find_each_other_beside_a_package_called_tools(
    wheel, tmp_path
):
    other = tmp_path / 'other' / 'tools'
    other.mkdir(parents=True)
    (other / '__init__.py').write_text('')
    (tmp_path / 'retrain_x.py').write_text('')
    path = {'PYTHONPATH': str(other.parent)}
    done = wheel.run('-c', IMPORTING, wheel.mim, cwd=tmp_path, **path)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope='module')
def index():
    return load(str(ROOT / 'model-index.yml'))


def test_model_index_is_free_of_errors(index):
    assert not index.check(silent=True)


def test_model_index_lists_every_config(index):
    configs = [model.config for model in index.models]
    files = (ROOT / 'configs').rglob('*.py')
    assert sorted(configs) == sorted(
        str(path.relative_to(ROOT)) for path in files if '_base_' not in path.parts
    )
    assert len({model.name for model in index.models}) == len(configs)
    collections = {collection.name for collection in index.collections}
    assert {model.in_collection for model in index.models} <= collections


def test_mim_finds_every_search_by_its_name():
    for path in (ROOT / 'configs').glob('*.py'):
        (found,) = (ROOT / 'configs').rglob(path.name)
        assert Config.fromfile(found).train_cfg.type == 'ddas_mm.DDASLoop'
