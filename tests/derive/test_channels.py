"""Searches on images that are not three bytes to the pixel, and their trainings."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ddas_mm.augment.candidates import build_space, without_idle
from ddas_mm.augment.transform import DDASAugment
from ddas_mm.errors import SettingError
from ddas_mm.outcome.pictures import ImagePictures
from tests.derive.test_segmentation import run
from tools import search, train

# Of the images: channels, type, how they are loaded, and a network that takes them.
LENET = (
    "backbone=dict(type='LeNet5', num_classes=2), "
    "head=dict(type='ClsHead', loss=dict(type='CrossEntropyLoss'))"
)
RESNET = (
    "backbone=dict(type='ResNet_CIFAR', depth=18, in_channels=4, stem_channels=8, "
    "base_channels=8), neck=dict(type='GlobalAveragePooling'), "
    "head=dict(type='LinearClsHead', num_classes=2, in_channels=64)"
)
KINDS = {
    'grey': (1, np.uint8, 'grayscale', LENET),
    'thermal': (1, np.uint16, 'unchanged', LENET),
    'four': (4, np.uint8, 'unchanged', RESNET),
}
LEFT_OUT = {
    'grey': 'Color need three channels, and the images have 1 of 8 bits',
    'thermal': 'Blur, Equalize, Sharpness, Smooth need 8 bits',
    'four': 'Color need three channels, and the images have 4 of 8 bits',
}
CONFIG = """
default_scope = 'mmpretrain'
pipeline = [
    dict(type='LoadImageFromFile', color_type='{loaded}'),
    dict(type='PackInputs'),
]
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    dataset=dict(type='CustomDataset', data_root='data', pipeline=pipeline),
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = train_dataloader
val_evaluator = dict(type='Accuracy', topk=1)
val_cfg = dict()
model = dict(
    type='ImageClassifier',
    {network},
    data_preprocessor=dict(mean={channels} * [{middle}], std={channels} * [{middle}]),
)
train_cfg = dict(by_epoch=True, max_epochs=1)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
log_level = 'WARNING'
"""


def photo(kind, seed=0):
    """Noise, its upper half bright, or its lower half in every other image."""
    channels, dtype, *_ = KINDS[kind]
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 90, (32, 32, channels)).astype(dtype)
    image[16 * (seed % 2) :][:16] += 130
    return (image * (257 if dtype == np.uint16 else 1)).squeeze().astype(dtype)


@pytest.fixture(
    params=[
        'thermal',
        *(pytest.param(name, marks=pytest.mark.slow) for name in ('grey', 'four')),
    ]
)
def kind(request, tmp_path, monkeypatch):
    if request.param == 'thermal' and not hasattr(torch, 'uint16'):
        pytest.skip('torch before 2.3 has no tensors of 16 bits')
    monkeypatch.chdir(tmp_path)
    for i in range(24):
        path = Path('data', 'ab'[i % 2], f'{i}.png')
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), photo(request.param, i))
    channels, dtype, loaded, network = KINDS[request.param]
    middle = np.iinfo(dtype).max // 2
    text = CONFIG.format(
        loaded=loaded, network=network, channels=channels, middle=middle
    )
    Path('net.py').write_text(text)
    return request.param


@pytest.mark.drawn
def test_search_report_and_training(kind, monkeypatch):
    sizes = ['--num-train', 12, '--num-val', 8, '--epochs', 1]
    options = ['--cfg-options', 'log_level=INFO']
    run(monkeypatch, search, 'net.py', *sizes, *options)
    work = Path('work_dirs/search_net')
    assert "name='cifar'" in (work / 'search_net.py').read_text()
    (log,) = work.glob('*/*.log')
    told = re.findall('left out of the search space: (.*)', log.read_text())
    assert len(told) == 1
    assert LEFT_OUT[kind] in told[0]
    policy = json.loads((work / 'policy.json').read_text())
    names = {name for name, _ in policy['candidates']}
    assert 'Color' not in names
    assert ('Equalize' in names) == (kind != 'thermal')
    assert (work / 'report.html').read_text().count('data:image/jpeg') > 8
    run(monkeypatch, train, work / 'retrain_net.py', '--work-dir', 'trained')
    assert Path('trained/epoch_1.pth').exists()


def sixteen_bits():
    return dict(img=photo('thermal'), img_path='thermal.png')


def test_all_that_a_policy_lacks_is_told_at_the_first_image_drawn_or_not():
    space = dict(table='classification', ops=['Equalize', 'Blur'], depth=1)
    augment = DDASAugment(dict(space=space, total_prob=0))
    augment.clock.reset()
    told = 'policy has Blur, Equalize, which need 8 bits, but thermal.png has 16'
    with pytest.raises(SettingError, match=told):
        augment(sixteen_bits())
    known = DDASAugment(dict(space={**space, 'ops': ['Invert']}, total_prob=1))
    done = known(sixteen_bits())['img']
    np.testing.assert_array_equal(done, 65535 - photo('thermal'))


def test_numbers_of_float_images_that_are_not_whole_are_refused_at_the_start():
    space = build_space(dict(name='coco'))
    results = dict(img=photo('grey').astype(np.float32) / 255, img_path='scaled.png')
    with pytest.raises(SettingError, match=r'scaled.png is .* load without scaling'):
        without_idle(space, results, print)


@pytest.mark.parametrize('channels', [1, 2, 3, 4, 7])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_pictures_show_the_first_channels_over_the_range_that_they_use(channels, dtype):
    scale = 1 if dtype == np.uint8 else 20
    plane = np.arange(0, 256, dtype=dtype).reshape(16, 16)
    image = 1000 * (scale - 1) + scale * np.dstack(
        [np.roll(plane, i) for i in range(channels)]
    )
    space = build_space(dict(table='classification', ops=['Invert']))
    pictures = ImagePictures(space, dict(img=image.astype(dtype)), 0)
    shown = pictures.original().sample.image
    assert shown.dtype == np.uint8
    for i, channel in enumerate(shown[..., ::-1].transpose(2, 0, 1)):  # B, G, R
        expected = np.roll(plane, min(i, channels - 1)).astype(int)
        assert np.abs(channel - expected).max() <= 1
