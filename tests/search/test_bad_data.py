"""Damaged, missing and odd images and annotations, in a search and in a training."""

import re

import cv2
import numpy as np
import pytest

from ddas_mm.cli.run import build_runner, run
from ddas_mm.errors import SettingError
from ddas_mm.search.data import build_dataset
from tests import toy
from tests.spoiled import COUNT, Coco, ToyDetPack, image_of
from tests.told import lighten, told

OPS = ('Identity', 'Rotate_BBox', 'Cutout_Only_BBoxes', 'TranslateX_BBox')
NAN, INF = float('nan'), float('inf')
SPACE = dict(table='detection', ops=OPS, levels=(6,), depth=1)


@pytest.fixture
def coco(tmp_path):
    return Coco(tmp_path / 'data')


def search_config(work, dataset, **loop):
    config = toy.search_config(work)
    config.train_dataloader.update(dataset=dataset, batch_size=2)
    proxy, loader = dict(num_train=4, num_val=4), dict(batch_size=2)
    config.train_cfg.update(proxy=proxy, max_epochs=1, policy_dataloader=loader)
    config.train_cfg.space = SPACE
    config.train_cfg.update(loop)
    return config


def train_config(work, dataset):
    config = toy.search_config(work)
    config.train_dataloader.update(dataset=dataset, batch_size=2)
    policy = dict(space=SPACE, total_prob=0.5)
    config.train_dataloader.dataset.pipeline[2].policy = policy
    config.train_cfg = dict(by_epoch=True, max_epochs=1)
    return config


class Uninstalled:
    def __init__(self):
        raise RuntimeError('its package is not installed')


@pytest.mark.parametrize(
    ('step', 'words'),
    [
        (dict(type='NoSuchStep'), "'NoSuchStep' .*KeyError: 'NoSuchStep is not in"),
        (dict(type=Uninstalled), "'Uninstalled' .*its package is not installed"),
        (dict(type='RandomFlip', porb=1), "'RandomFlip' .*argument 'porb'"),
    ],
)
def test_steps_that_cannot_be_built_are_not_told_as_damaged_files(coco, step, words):
    settings = coco.settings()
    settings['pipeline'] = [dict(type='Compose', transforms=[step])]
    with pytest.raises(SettingError, match=words) as refused:
        build_dataset(settings, 'the set')
    assert 'annotations.json' not in str(refused.value)


def write(name, content):
    def spoil(coco):
        (coco.folder / name).write_bytes(content)

    return spoil


def cut(coco):
    """A PNG of which the head is whole."""
    whole = coco.image(3).read_bytes()
    coco.image(3).write_bytes(whole[:24])


def damaged(coco):
    """A PNG whose ends are whole: the damage is met when it is decoded."""
    whole = bytearray(coco.image(3).read_bytes())
    whole[60:90] = bytes(30)
    coco.image(3).write_bytes(whole)


def as_jpeg(coco, part=1.0, behind=b''):
    """Make image 3 a JPEG, or the first part of one, with bytes behind its end."""
    image = cv2.resize(image_of(3), (320, 240))  # of several kB
    whole = cv2.imencode('.jpg', image)[1].tobytes()
    coco.image(3).write_bytes(whole[: round(part * len(whole))] + behind)


def without(key):
    def spoil(coco):
        del coco.data[key]

    return spoil


def no_boxes(coco):
    coco.data['annotations'] = []


def boxes(*bbox):
    return lambda coco: coco.boxes(list(bbox))


def one_box(*bbox):
    def change(coco):
        coco.data['annotations'][0] = coco.box(0, list(bbox))

    return change


def box_of(**changes):
    return lambda coco: coco.data['annotations'][0].update(changes)


ANNOTATIONS = r'annotations\.json'
SPOILED = {
    'no annotations': (
        lambda coco: setattr(
            coco, 'settings', lambda: {**Coco.settings(coco), 'ann_file': 'no.json'}
        ),
        r"'.*no\.json'",
    ),
    'no root': (
        lambda coco: setattr(
            coco, 'settings', lambda: {**Coco.settings(coco), 'data_root': 'nowhere'}
        ),
        "'nowhere/annotations.json'",
    ),
    'half annotations': (write('annotations.json', b'{"images": ['), ANNOTATIONS),
    'empty annotations': (write('annotations.json', b''), ANNOTATIONS),
    'list for annotations': (write('annotations.json', b'[]'), ANNOTATIONS),
    'picture for annotations': (write('annotations.json', b'\x89PNG\xff'), ANNOTATIONS),
    'no images key': (without('images'), 'train_dataloader.dataset'),
    'no boxes': (no_boxes, 'train_dataloader.dataset holds no image'),
    'other classes': (
        lambda coco: coco.data.update(categories=[{'id': 1, 'name': 'other'}]),
        'train_dataloader.dataset holds no image',
    ),
    'missing image': (lambda coco: coco.image(3).unlink(), r"'.*/3\.png'"),
    'empty image': (write('images/3.png', b''), r"image '.*/3\.png'.*empty file"),
    'no image at all': (write('images/3.png', b'x' * 99), r"image '.*/3\.png'"),
    'cut image': (cut, r"image '.*/3\.png' .*is cut off"),
    'half a PNG': (
        lambda coco: coco.image(3).write_bytes(coco.image(3).read_bytes()[:800]),
        r"image '.*/3\.png' .*is cut off",
    ),
    'half a JPEG': (lambda coco: as_jpeg(coco, 0.5), r"image '.*/3\.png' .*is cut off"),
    'nearly a JPEG': (lambda coco: as_jpeg(coco, 0.97), r"3\.png' .*is cut off"),
    'damaged image': (damaged, r"image '.*/3\.png' cannot be decoded"),
    'endless box': (boxes(4, 4, INF, 5), r'/\d\.png.* box.* not finite'),
    'folder for image': (
        lambda coco: (coco.image(3).unlink(), coco.image(3).mkdir()),
        r"'.*/3\.png'",
    ),
}


@pytest.mark.parametrize('make', [search_config, train_config])
@pytest.mark.parametrize('name', SPOILED)
def test_spoiled_data_ends_a_run_by_the_files_name(
    tmp_path, capsys, monkeypatch, coco, name, make
):
    spoil, message = SPOILED[name]
    spoil(coco)
    work = tmp_path / 'work'
    config = make(work, coco.settings())
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert re.search(message, sentence), sentence
    assert not (work / 'policy.json').exists()


def test_spoiled_image_is_named_by_a_worker_too(tmp_path, capsys, monkeypatch, coco):
    damaged(coco)
    config = search_config(tmp_path / 'work', coco.settings())
    config.train_dataloader.num_workers = 1
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert re.search(r"image '.*/3\.png' cannot be decoded", sentence), sentence


@pytest.mark.parametrize('part', ['val', 'test'])
def test_missing_data_of_an_evaluation_ends_a_training_at_start(
    tmp_path, capsys, monkeypatch, coco, part
):
    config = train_config(tmp_path / 'work', coco.settings())
    dataset = {**coco.settings(), 'ann_file': 'later.json', 'test_mode': True}
    loader = {**config.train_dataloader, 'dataset': dataset}
    config[f'{part}_dataloader'] = loader
    config[f'{part}_evaluator'] = dict(type='DumpResults', out_file_path='x.pkl')
    config[f'{part}_cfg'] = dict()
    if part == 'test':  # only tools/test.py will read it
        run(config)
        assert (tmp_path / 'work/epoch_1.pth').exists()
        return
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert re.search(r"val_dataloader.dataset finds no '.*later\.json'", sentence)


def test_fault_of_the_model_is_not_put_down_to_data_that_no_run_reads(
    tmp_path, capsys, monkeypatch, coco
):
    config = train_config(tmp_path / 'work', coco.settings())
    dataset = {**coco.settings(), 'ann_file': 'later.json'}
    config.test_dataloader = {**config.train_dataloader, 'dataset': dataset}
    config.test_evaluator, config.test_cfg = dict(type='DumpResults'), dict()
    config.model.norms = True
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert sentence.startswith('ToyModel cannot be built from the config')


def rewritten(image, *options):
    def change(coco):
        for index in range(COUNT):
            assert cv2.imwrite(str(coco.image(index)), image(index), *options)

    return change


# what is changed, and how many boxes of the first image are left
HANDLED = {
    'grey images': (rewritten(lambda i: image_of(i, 1)), 1),
    'images of 16 bits': (rewritten(lambda i: image_of(i, 3, np.uint16)), 1),
    'grey images of 16 bits': (rewritten(lambda i: image_of(i, 1, np.uint16)), 1),
    'images with alpha': (rewritten(lambda i: image_of(i, 4)), 1),
    'a JPEG by the name of a PNG': (as_jpeg, 1),
    'a JPEG with bytes behind': (lambda coco: as_jpeg(coco, behind=bytes(500)), 1),
    'box without area': (one_box(4, 4, 0, 0), 0),
    'box without width': (one_box(4, 4, 0, 5), 0),
    'box of negative size': (one_box(10, 10, -4, -4), 0),
    'box outside': (one_box(100, 100, 5, 5), 0),
    'box of NaN': (one_box(4, NAN, 5, 5), 0),
    'boxes half outside': (boxes(-5, -5, 20, 20), 1),
    'boxes larger than the image': (boxes(-50, -50, 200, 200), 1),
    'box of no image': (box_of(image_id=99), 0),
    'box of no category': (box_of(category_id=99), 0),
}


@pytest.mark.parametrize('name', HANDLED)
def test_odd_data_is_searched_with(tmp_path, monkeypatch, coco, name):
    change, left = HANDLED[name]
    change(coco)
    lighten(monkeypatch)
    config = search_config(tmp_path, {**coco.settings(), 'filter_cfg': None})
    runner = build_runner(config)
    ToyDetPack.seen.clear()
    runner.train()
    assert runner.iter == 2
    source = runner.train_loop.dataloader.dataset.dataset
    assert len(source) == COUNT
    assert len(source.get_data_info(0)['instances']) == left
    # 2 steps of 2 images in L + 1 views, and of 2 images of S_val, beside checks
    assert len(ToyDetPack.seen) > 2 * 2 * (3 + 1 + 1)
    for image, found in ToyDetPack.seen:
        assert (image.dtype, image.ndim, image.shape[2]) == (np.uint8, 3, 3)
        assert np.isfinite(found).all()
        assert (found[:, 2:] > found[:, :2]).all()


def other_class(coco):
    coco.data['categories'] = [{'id': 1, 'name': 'other'}]


def crowds(coco):
    for box in coco.data['annotations']:
        box['iscrowd'] = 1


@pytest.mark.parametrize(
    'spoil', [no_boxes, other_class, crowds, boxes(4, 4, 1, 0.5), boxes(4, 4, 0, 9)]
)
def test_search_without_an_instance_is_refused(
    tmp_path, capsys, monkeypatch, coco, spoil
):
    spoil(coco)
    settings = {**coco.settings(), 'filter_cfg': dict(filter_empty_gt=False)}
    config = search_config(tmp_path / 'work', settings)
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert 'S_train has 4 images without any instance' in sentence


def test_images_that_are_scaled_already_are_refused_by_name(
    tmp_path, capsys, monkeypatch, coco
):
    config = search_config(tmp_path / 'work', coco.settings())
    scaled = dict(type='mmdet.Normalize', mean=[0] * 3, std=[255] * 3, to_rgb=False)
    config.train_dataloader.dataset.pipeline.insert(1, scaled)
    sentence = told(lambda: run(config), capsys, monkeypatch)
    found = re.search(r'needs arrays of uint8 .*\.png is ndarray float32', sentence)
    assert found, sentence
