"""Help, wrong options and wrong choices of every tool and script."""

import re
import runpy
import signal
import subprocess
import sys

import pytest

from ddas_mm.cli import main
from ddas_mm.cli.parser import ToolParser
from tests.ranks import ROOT

TOOLS = [p for p in (ROOT / 'tools').rglob('*.py') if '__main__' in p.read_text()]
SCRIPTS = [p for p in (ROOT / 'tools').glob('*.sh') if p.read_text().startswith('#!')]


def name_of(path):
    return path.name


@pytest.fixture
def call(capsys, monkeypatch):
    """Call a tool in this process; return its status and what it printed."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    monkeypatch.syspath_prepend(str(ROOT / 'tools/analysis_tools'))

    def run(path, *words):
        monkeypatch.setattr(sys, 'argv', [str(path), *words])
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(path), run_name='__main__')
        return end.value.code, *capsys.readouterr()

    yield run
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize('path', TOOLS, ids=name_of)
def test_tool_has_help_with_examples_and_names_the_right_option(path, call):
    code, out, _ = call(path, '--help')
    assert code == 0
    usage, _, examples = out.partition('examples:\n')
    assert f'usage: {path.name}' in usage
    assert 'options:' in usage
    assert path.name in examples
    code, _, err = call(path, '--hepl')
    assert code == 2
    assert err.splitlines() == [
        f'{path.name}: error: there is no option --hepl; did you mean --help?',
        f'{path.name} --help shows all options',
    ]


@pytest.mark.parametrize('path', SCRIPTS, ids=name_of)
@pytest.mark.parametrize('option', ['-h', '--help'])
def test_script_has_help_with_examples(path, option):
    done = subprocess.run(['bash', path, option], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, '')
    description, _, examples = done.stdout.partition('examples:\n')
    assert f'usage: bash tools/{path.name}' in description
    assert f'tools/{path.name}' in examples


MISUSES = {
    'dist_search.sh': ('c.py',),
    'dist_train.sh': ('c.py', 'all'),
    'slurm.sh': ('seek', 'gpu', 'job', 'c.py', 'out'),
    'quickstart.sh': ('--fast',),
    'setup_env.sh': ('clasic',),
}


@pytest.mark.parametrize('name', MISUSES)
def test_wrong_use_of_a_script_ends_with_its_usage(name):
    words = ['bash', ROOT / 'tools' / name, *MISUSES[name]]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr.startswith(f'{name}: error: ')
    assert f'usage: bash tools/{name}' in done.stderr


WRONG = {
    'search.py c.py --work_dir x': 'no option --work_dir; did you mean --work-dir',
    'search.py --work_dir=x': 'did you mean --work-dir',  # before the missing config
    'search.py c.py --resum': 'no option --resum; did you mean --resume',
    'search.py c.py -work-dir x': 'no option -work-dir; did you mean --work-dir',
    'search.py c.py --xyzzy': 'no option --xyzzy\n',
    'search.py c.py --space cocco': "'cocco'.*; did you mean coco",
    'train.py c.py --launcher slrum': "'slrum'.*; did you mean slurm",
    'train.py c.py --seed x': "--seed: invalid int value: 'x'",
    'train.py c.py d.py': 'unrecognized arguments: d.py',
    'train.py': 'required: config',
    'train.py c.py --cfg-options a=1 b': "--cfg-options: 'b' is not KEY=VALUE",
    'test.py c.py x.pth --show_dir x': 'did you mean --show-dir',
}


@pytest.mark.parametrize('command', WRONG)
def test_wrong_arguments_end_in_one_sentence(command, call):
    name, *words = command.split()
    code, _, err = call(ROOT / 'tools' / name, *words)
    assert code == 2
    assert re.search(WRONG[command], err), err
    assert err.startswith(f'{name}: error: ')
    assert len(err.splitlines()) == 2


@pytest.fixture
def ddas(capsys, monkeypatch):
    """Type a ``ddas`` command; return its status and what it printed."""

    def run(*words):
        monkeypatch.setattr(sys, 'argv', ['/bin/ddas', *words])
        monkeypatch.setattr(sys, 'orig_argv', ['python', *sys.argv])
        with pytest.raises(SystemExit) as end:
            main()
        return end.value.code, *capsys.readouterr()

    return run


def test_ddas_lists_every_tool_with_what_it_does(ddas):
    code, out, _ = ddas()
    assert code == 0
    for path in TOOLS:
        (line,) = re.findall(rf'^  {path.stem} +(.+)', out, re.MULTILINE)
        assert f'"""{line}' in path.read_text()


def test_ddas_names_the_command_that_was_meant(ddas):
    code, _, err = ddas('reprot')
    assert code == 2
    assert 'did you mean report?' in err
    assert 'ddas --help shows all options' in err


@pytest.mark.parametrize('path', TOOLS, ids=name_of)
def test_ddas_runs_a_tool_under_the_name_that_was_typed(path, ddas):
    code, out, _ = ddas(path.stem, '--help')
    assert code == 0
    assert f'usage: ddas {path.stem} ' in out
    assert f'  ddas {path.stem} ' in out.partition('examples:\n')[2]
    assert f'{path.name}' not in out
    code, _, err = ddas(path.stem, '--hepl')
    assert code == 2
    assert err.startswith(f'ddas {path.stem}: error: there is no option --hepl')
    assert sys.orig_argv[1:] == [path.stem, '--hepl']  # what goes on after a stop
    assert sys.orig_argv[0] == 'ddas'


def test_numbers_and_words_behind_a_double_dash_are_no_options():
    parser = ToolParser('')
    parser.add_argument('numbers', nargs='+')
    parser.add_argument('--shift', type=float)
    args = parser.parse_args(['--shift', '-1.5', '2', '--', '--3'])
    assert (args.shift, args.numbers) == (-1.5, ['2', '--3'])
