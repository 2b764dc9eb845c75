"""The sanity check's verdict, its table and picture, and what it refuses."""

import sys
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import TRANSFORMS, init_default_scope

from ddas_mm.augment.candidates import build_space
from ddas_mm.cli.jobs import Run, RunFailed
from ddas_mm.config import find_dicts
from ddas_mm.errors import SettingError
from ddas_mm.policy import PolicySchedule, write_policy
from tools.analysis_tools import sanity_check

ROOT = Path(__file__).parents[2]
SPACE = dict(table='classification', ops=('Identity', 'Rotate90', 'Invert'), depth=1)
CONFIG = f"""
train_dataloader = dict(dataset=dict(type='ToyDataset'))
train_cfg = dict(type='ddas_mm.DDASLoop', max_epochs=2, space={SPACE})
planted = 'Rotate90'
"""
# p_o after two epochs, for each seed
ENDS = {0: (0.2, 0.6, 0.2), 1: (0.3, 0.4, 0.3), 2: (0.6, 0.3, 0.1)}


def schedule_of(*rows):
    snapshots = [(0.75, np.array(row)) for row in rows]
    return PolicySchedule.from_snapshots(build_space(SPACE), snapshots)


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Run the tool on searches that end as ENDS says; return its exit code."""
    (tmp_path / 'toy.py').write_text(CONFIG)
    calls = []

    def search(run, tool, *arguments):
        calls.append((tool, run.seed, *arguments))
        if run.seed not in ENDS:
            raise RunFailed('no such search')
        schedule = schedule_of((1 / 3,) * 3, ENDS[run.seed])
        write_policy(schedule, run.folder / 'policy.json')

    def run(*args):
        words = ['sanity_check.py', str(tmp_path / 'toy.py'), *map(str, args)]
        monkeypatch.setattr(sys, 'argv', [*words, '--work-dir', str(tmp_path / 'w')])
        with pytest.raises(SystemExit) as stop:
            sanity_check.main()
        return stop.value.code

    monkeypatch.setattr(Run, 'call', search)
    run.calls, run.work_dir, run.config = calls, tmp_path / 'w', tmp_path / 'toy.py'
    return run


@pytest.mark.parametrize(('seed', 'code'), [(0, 0), (1, 1), (2, 1)])
def test_passes_only_if_planted_is_first_by_a_margin(check, seed, code):
    assert check('--seeds', seed) == code
    table = (check.work_dir / 'sanity_check.md').read_text()
    assert ('| yes |' in table, '| NO |' in table) == (code == 0, code == 1)


def test_table_and_picture_hold_every_seed(check):
    assert check('--seeds', 0, 1, 2, '--ratio', 1.2) == 1
    rows = (check.work_dir / 'sanity_check.md').read_text().splitlines()[2:]
    assert [row.split(' | ')[1] for row in rows] == ['0', '1', '2']
    assert rows[0].split(' | ')[2:5] == ['Rotate90 0.6000', 'Identity 0.2000', '3.00']
    assert ['NO' in row for row in rows] == [False, False, True]
    picture = cv2.imread(str(check.work_dir / 'toy.png'))
    assert picture.shape[1] > 3 * picture.shape[0]  # three panels in a row


def test_no_panel_cuts_a_line_off():
    found = {seed: schedule_of((1 / 3,) * 3, ENDS[seed]) for seed in (1, 0, 2)}
    for axes in sanity_check.draw('toy', 'Rotate90', found).axes:
        assert axes.get_ylim()[0] == 0
        assert axes.get_ylim()[1] > 0.6


def test_finished_searches_are_not_run_again(check):
    assert check('--seeds', 0) == check('--seeds', 0, 1, '--ratio', 1.1) == 0
    assert [seed for _, seed, *_ in check.calls] == [0, 1]
    assert check.calls[0] == ('search', 0, '--resume', '--seed', '0')


def test_unfinished_search_goes_on(check):
    folder = check.work_dir / 'toy/seed_0'
    folder.mkdir(parents=True)
    write_policy(schedule_of((1 / 3,) * 3), folder / 'policy.json')
    assert check('--seeds', 0) == 0
    assert len(check.calls) == 1


def test_other_settings_in_the_same_folder_are_refused(check):
    check('--seeds', 0)
    check.config.write_text(CONFIG.replace('max_epochs=2', 'max_epochs=3'))
    with pytest.raises(SettingError, match='other settings'):
        check('--seeds', 0)


def test_search_that_fails_does_not_stop_the_others(check, capsys):
    assert check('--seeds', 7, 0) == 1
    assert 'no such search' in capsys.readouterr().err
    assert '| 0 | Rotate90' in (check.work_dir / 'sanity_check.md').read_text()


def test_planted_must_be_a_candidate(check):
    with pytest.raises(SettingError, match="planted must be one of .*'Rotate45'"):
        check('--seeds', 0, '--planted', 'Rotate45')


@pytest.mark.parametrize(
    'name', [*sanity_check.CHECKS, 'ddas_wrn40-2_cifar10_sanity.py']
)
def test_every_check_plants_one_of_its_candidates(name):
    config = Config.fromfile(sanity_check.CONFIGS / name)
    assert config.planted in build_space(config.train_cfg.space).labels


def test_class_folders_come_from_an_archive(tmp_path):
    source = tmp_path / 'source/train/cat'
    source.mkdir(parents=True)
    (source / '0.jpg').write_bytes(b'image')
    with tarfile.open(tmp_path / 'images.tar.xz', 'w:xz') as archive:
        archive.add(tmp_path / 'source/train', 'train')
    for _ in range(2):  # the second time it is there
        folder = sanity_check.class_folders(tmp_path / 'images.tar.xz', tmp_path / 'a')
        assert (folder / 'train/cat/0.jpg').read_bytes() == b'image'
    assert list((tmp_path / 'a').iterdir()) == [folder]
    with pytest.raises(SettingError, match="no folder 'train'"):
        sanity_check.class_folders(source, tmp_path)


def test_inverted_check_plants_what_invert_does():
    """The pipelines of S_train and S_val differ by the inversion alone."""
    config = Config.fromfile(
        ROOT / 'configs/ddas_retinanet_r18_digits_sanity_invert.py'
    )
    init_default_scope(config.default_scope)
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    seen = []
    for dataset in (
        config.train_dataloader.dataset,
        config.train_cfg.policy_dataloader.dataset,
    ):
        results = {'img': image}
        for name in ('Solarize', 'Invert'):
            for step in find_dicts(dataset.pipeline, name):
                results = TRANSFORMS.build(step)(results)
        seen.append(results['img'])
    assert seen[0].max() <= 128
    np.testing.assert_array_equal(seen[1], 255 - seen[0])
