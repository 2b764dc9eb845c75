"""The study's scripts: benchmarks/study."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import detection_work
import images
import numpy as np
import pytest
from detector_jobs import CAMERAS
from mmdet.datasets import CocoDataset
from mmengine.fileio import dump
from parts import PARTS

from ddas_mm.config import set_data_root
from tests.ranks import ROOT
from tools.dataset_converters import digits


@pytest.mark.parametrize('part', PARTS)
def test_jobs_have_names_of_their_own_and_stand_behind_what_they_need(part):
    before = set()
    for job in PARTS[part](1.0):
        assert job.name not in before
        assert before.issuperset(job.needs)
        before.add(job.name)


@pytest.mark.parametrize('part', ['A', 'B', 'B1000', 'C', 'D1', 'D2', 'R', 'T'])
def test_nothing_but_the_last_figure_sees_test_images(part):
    for job in PARTS[part](1.0):
        if not job.kind.startswith('cells'):
            seen = [*job.setup['parts'], *job.setup.get('val', [])]
            assert {stretch.get('split', 'train') for stretch in seen} == {'train'}


def test_rates_are_chosen_by_images_that_the_checkpoint_was_not_trained_on():
    for job in PARTS['R'](1.0):
        if job.kind == 'cells_train':
            assert job.setup['test'] == 'val'
        else:
            seen = {
                i for p in job.setup['parts'] for i in range(p['start'], sum(ends(p)))
            }
            test = job.setup['test']
            assert test['split'] == 'train'
            assert not seen & set(range(test['start'], sum(ends(test))))


@pytest.mark.parametrize('part', ['C', 'D1', 'D2'])
def test_searches_are_guided_by_images_that_the_network_does_not_learn_from(part):
    for job in PARTS[part](1.0):
        if 'val' in job.setup:
            train, val = (
                {i for p in job.setup[key] for i in range(p['start'], sum(ends(p)))}
                for key in ('parts', 'val')
            )
            assert not train & val


def ends(stretch):
    return stretch['start'], stretch['count']


@pytest.fixture(scope='module')
def cells():
    """Jobs of blood cells, each with its config as its process makes it."""
    found = [*PARTS['E'](1.0), *PARTS['D3'](1.0)]
    return [
        (job, detection_work.config(job, {'cells': 'bccd'}, lambda *_: []))
        for job in found
    ]


def test_cells_see_test_images_in_their_last_figure_only(cells):
    for job, config in cells:
        settings = config.to_dict()
        loader, evaluator = (
            settings.pop('test_dataloader'),
            settings.pop('test_evaluator'),
        )
        assert 'test.json' not in str(settings)
        judged = 'method' in job.tags or job.tags['what'] in ('truth', 'together')
        if judged and job.kind == 'cells_train':
            assert loader['dataset']['ann_file'] == 'annotations/test.json'
            assert evaluator['ann_file'] == 'bccd/annotations/test.json'


def test_all_methods_of_a_seed_train_on_the_same_cells(cells):
    chosen = {}
    for job, config in cells:
        dataset = config.train_dataloader.dataset
        if dataset.type == 'ConcatDataset':
            dataset, val = dataset.datasets
            assert val.ann_file == 'annotations/val.json'
            assert 'indices' not in val
        images = dataset.indices
        assert len(set(images)) == 40
        assert chosen.setdefault(job.seed, images) == images
    assert len({*map(tuple, chosen.values())}) == 3


def test_searches_see_other_cells_than_they_train_on(cells):
    searches = [each for each in cells if each[0].kind == 'cells_search']
    assert len(searches) == 6
    for job, config in searches:
        val, loader = (
            config.train_cfg.policy_dataloader.dataset,
            config.train_dataloader,
        )
        assert loader.dataset.ann_file == 'annotations/train.json'
        assert val.ann_file == 'annotations/val.json'
        assert len(set(val.indices)) == 40
        epochs = config.train_cfg.max_epochs
        assert epochs * 40 / loader.batch_size == job.setup['steps']


def test_nobody_sees_a_camera_s_test_images_but_in_the_last_figure():
    folders = {'cameras': Path('seen_by')}
    chosen = {}
    for job in PARTS['CD'](1.0):
        settings = detection_work.config(job, folders, lambda *_: []).to_dict()
        if job.kind == 'digits_train':
            loader = settings.pop('test_dataloader')['dataset']
            evaluator = settings.pop('test_evaluator')
            folder = f'seen_by/{job.setup["camera"]}/'
            assert loader['data_root'] == folder
            assert evaluator['ann_file'] == f'{folder}annotations/deploy_test.json'
        assert 'deploy_test' not in str(settings)
        if 'op' in job.tags:
            assert job.setup['on'] == 'deploy_val'
            continue
        if job.tags['method'] == 'search':
            val = settings['train_cfg']['policy_dataloader']['dataset']
            assert val['ann_file'] == 'annotations/deploy_val.json'
            chosen[job.tags['shift'], job.seed] = val['indices']
        if job.tags['method'] == 'trained on them':
            _, camera = settings['train_dataloader']['dataset']['datasets']
            assert camera['indices'] == 8 * chosen[job.tags['shift'], job.seed]
    assert len(chosen) == 3 * len(CAMERAS)


def test_fine_tunings_are_judged_by_a_few_images_of_a_camera(tmp_path):
    params = {'version': 1, 'seed': 0, 'camera': 'dark'}
    counts = {'num_train': 1, 'num_val': 6, 'num_test': 1}
    digits.generate(tmp_path / 'dark', params | counts)
    (job, *_) = [j for j in PARTS['CD'](1.0) if 'op' in j.tags]
    given = detection_work.config(job, {'cameras': tmp_path}, lambda *_: [])
    set_data_root(given, str(tmp_path / 'dark'))
    detection_work.measure_on(given, 'deploy_val', [4, 1], tmp_path)
    settings = given.test_dataloader.dataset
    del settings.type
    settings.pipeline = []
    dataset = CocoDataset(**settings)
    seen = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert [Path(info['img_path']).name for info in seen] == [
        '000005.jpg',
        '000002.jpg',
    ]
    assert all(Path(info['img_path']).is_file() for info in seen)
    truth = json.loads(Path(given.test_evaluator.ann_file).read_text())
    everything = json.loads((tmp_path / 'dark/annotations/deploy_val.json').read_text())
    theirs = [a for a in everything['annotations'] if a['image_id'] in (2, 5)]
    assert truth['annotations'] == theirs
    assert sum(len(info['instances']) for info in seen) == len(theirs) > 0


def test_cameras_undo_themselves_where_they_can():
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    for shift, times in {'quarter turn': 4, 'mirror': 2, 'inverted': 2}.items():
        seen = image
        for _ in range(times):
            assert seen is image or not np.array_equal(seen, image)
            seen = images.shifted(seen, shift)
        assert np.array_equal(seen, image)


def class_folders(root):
    rng = np.random.default_rng(0)
    for split, count in {'train': 40, 'test': 4}.items():
        for label in images.CLASSES:
            folder = root / split / label
            folder.mkdir(parents=True)
            for number in range(count):
                image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                cv2.imwrite(str(folder / f'{number}.png'), image)


def test_every_stretch_of_packed_images_holds_the_classes_in_equal_parts(tmp_path):
    class_folders(tmp_path / 'cifar10')
    packed = images.pack(tmp_path / 'cifar10', tmp_path / 'packed')
    found, labels = images.read(packed, 'train', 30, 50)
    assert found.shape == (50, 32, 32, 3)
    assert np.bincount(labels).tolist() == [5] * 10


def made_up_cells(root):
    """As many images as BCCD has, a grey square on noise in each."""
    rng = np.random.default_rng(0)
    (root / 'images').mkdir(parents=True)
    for split, count in {'train': 205, 'val': 87, 'test': 72}.items():
        found = {'images': [], 'annotations': []}
        for number in range(count):
            name, box = f'{split}{number}.png', [40, 30, 60, 60]
            image = rng.integers(0, 256, (120, 160, 3), dtype=np.uint8)
            image[30:90, 40:100] = 128
            cv2.imwrite(str(root / 'images' / name), image)
            found['images'].append(
                {'id': number, 'file_name': name, 'width': 160, 'height': 120}
            )
            found['annotations'].append(
                {'id': number, 'image_id': number, 'category_id': number % 3 + 1}
                | {'bbox': box, 'area': 3600, 'iscrowd': 0}
            )
        found['categories'] = [
            {'id': k + 1, 'name': name}
            for k, name in enumerate(('RBC', 'WBC', 'Platelets'))
        ]
        dump(found, root / f'annotations/{split}.json')


@pytest.mark.slow
def test_a_job_of_each_kind_is_done(tmp_path):
    made_up_cells(tmp_path / 'cells')
    class_folders(tmp_path / 'cifar10')
    command = [
        sys.executable,
        str(ROOT / 'benchmarks/study/run.py'),
        '--smoke',
        '--workers',
        '1',
    ]
    parts = 'B', 'CD', 'D2', 'D3', 'E', 'R'
    command += ['--parts', *parts, '--cifar10', str(tmp_path / 'cifar10')]
    command += ['--cells', str(tmp_path / 'cells')]
    subprocess.run([*command, '--out', str(tmp_path / 'out')], check=True, timeout=900)
    for part in parts:
        lines = (tmp_path / f'out/{part}.jsonl').read_text().splitlines()
        assert all('failed' not in json.loads(line) for line in lines)


@pytest.mark.slow
def test_the_page_holds_what_the_results_say(tmp_path):
    page = tmp_path / 'evidence.md'
    text = (ROOT / 'docs/evidence.md').read_text()
    page.write_text(
        re.sub(r'(<!-- (\w+) -->\n).*?(<!-- end)', r'\1\3', text, flags=re.S)
    )
    (tmp_path / 'images').mkdir()
    command = [sys.executable, str(ROOT / 'benchmarks/study/evidence.py')]
    subprocess.run([*command, '--page', str(page)], check=True)
    assert page.read_text() == text
