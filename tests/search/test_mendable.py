"""Errors that libraries raise but a user can mend: one sentence, nothing left."""

import re

import cv2
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.hooks import Hook
from mmengine.registry import HOOKS, TRANSFORMS

from ddas_mm.cli.run import run
from tests import toy
from tests.spoiled import image_of
from tests.told import change, lighten, told


@HOOKS.register_module()
class NeedsPackage(Hook):
    def __init__(self, kind=ImportError, text='run "pip install nosuch" first'):
        raise kind(text)


@HOOKS.register_module()
class Own(Hook):
    """A hook of the user's own, with a mistake in it."""

    def __init__(self, place='before_train', kind='KeyError'):
        def fail(*args, **kwargs):
            raise {'KeyError': KeyError, 'RuntimeError': RuntimeError}[kind]('mine')

        setattr(self, place, fail)


@TRANSFORMS.register_module()
class OneClass(BaseTransform):
    def transform(self, results):
        return {**results, 'gt_label': 0}


def config_of(work, search):
    config = toy.search_config(work)
    if not search:
        config.train_cfg = dict(by_epoch=True, max_epochs=1)
        config.custom_hooks = []
        del config.train_dataloader.dataset.pipeline[0]
    return config


EVALUATION = {
    'val_dataloader': dict(batch_size=1, dataset=dict(type='ToyDataset')),
    'val_evaluator': dict(type='DumpResults', out_file_path='x.pkl'),
}
OPTIM = 'optim_wrapper'
MENDABLE = {
    'missing load_from': ({'load_from': 'no.pth'}, "load_from 'no.pth' does not exist"),
    'val_cfg': ({**EVALUATION, 'val_cfg': None}, 'val_cfg must be set beside val_data'),
    'test_cfg': ({'test_cfg': {}}, 'test_dataloader and test_evaluator must be set'),
    'no optimiser': (
        {OPTIM: None},
        'optim_wrapper must be set beside train_data',
    ),
    'no model': ({'model': None}, 'model must be dict, but is None'),
    'scope': (
        {'default_scope': 'nosuch', 'model.type': 'Net'},
        "Net cannot be built .*: the package 'nosuch' is not installed",
    ),
    'type of a package': (
        {'model.type': 'nosuch.Net'},
        "nosuch.Net cannot be built .*: the package 'nosuch' is not installed",
    ),
    'package': (
        {'custom_hooks': [dict(type='NeedsPackage')]},
        'NeedsPackage needs a package .* "pip install nosuch"',
    ),
    'package by another error': (
        {
            'custom_hooks': [
                dict(type='NeedsPackage', kind=RuntimeError, text='x is not installed')
            ]
        },
        'NeedsPackage needs a package .* x is not installed',
    ),
    'hooks': ({'custom_hooks': dict(type='Own')}, 'hook should be an instance of Hook'),
    'hook without type': ({'custom_hooks': [dict(a=1)]}, 'must contain the key "type"'),
    'log_level': ({'log_level': 'LOUD'}, 'LOUD'),
    'env_cfg': ({'env_cfg': dict(mp_cfg=dict(method=1))}, "argument 'method'"),
    'clip_grad': ({f'{OPTIM}.clip_grad': dict(max_nrm=1)}, "'max_nrm'"),
    'paramwise': (
        {f'{OPTIM}.paramwise_cfg': dict(custom_keys=5)},
        'custom_keys must be',
    ),
    'schedule': (
        {'param_scheduler': [dict(type='MultiStepLR', milestones=5)]},
        "MultiStepLR cannot be built .*'int' object is not iterable",
    ),
    'loop': ({'train_cfg.by_epoch': True, 'train_cfg.type': 'X'}, 'Only one of `type`'),
}


@pytest.mark.parametrize('search', [True, False], ids=['search', 'train'])
@pytest.mark.parametrize('name', MENDABLE)
def test_what_a_user_can_mend_is_one_sentence(
    tmp_path, capsys, monkeypatch, name, search
):
    changes, message = MENDABLE[name]
    work = tmp_path / 'work'
    config = config_of(work, search)
    change(config, changes)
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert re.search(message, sentence), sentence
    assert '\n' not in sentence
    assert not work.exists()


@pytest.mark.parametrize('workers', [0, 1])
@pytest.mark.parametrize('search', [True, False], ids=['search', 'train'])
def test_step_that_finds_nothing_to_work_on_is_named(
    tmp_path, capsys, monkeypatch, search, workers
):
    config = config_of(tmp_path / 'work', search)
    config.train_dataloader.num_workers = workers
    pipeline = config.train_dataloader.dataset.pipeline
    pipeline.insert(-1, dict(type='LoadImageFromFile'))  # the images are arrays
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert re.match('LoadImageFromFile of the pipeline fails.*img_path', sentence)
    assert not (tmp_path / 'work').exists()


@pytest.mark.parametrize('content', [b'', b'junk', b'PK\x03\x04' + bytes(60)])
def test_damaged_weights_are_told_by_file(tmp_path, capsys, monkeypatch, content):
    (tmp_path / 'x.pth').write_bytes(content)
    config = config_of(tmp_path / 'work', search=False)
    config.load_from = str(tmp_path / 'x.pth')
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert re.search(r"weights '.*/x\.pth' .*cannot be loaded", sentence), sentence
    assert not (tmp_path / 'work').exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason='a GPU has scaled losses')
def test_scaled_losses_on_a_cpu_are_refused(tmp_path, capsys, monkeypatch):
    config = config_of(tmp_path / 'work', search=False)
    config.optim_wrapper.type = 'AmpOptimWrapper'
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert re.search(
        'AmpOptimWrapper cannot be built .* only available .* gpu', sentence
    ), sentence


@pytest.mark.parametrize('place', ['before_train', 'before_train_iter', 'after_train'])
@pytest.mark.parametrize('kind', [KeyError, RuntimeError])
@pytest.mark.parametrize('search', [True, False], ids=['search', 'train'])
def test_mistake_in_own_code_keeps_its_traceback(
    tmp_path, monkeypatch, search, kind, place
):
    lighten(monkeypatch)
    config = config_of(tmp_path, search)
    config.custom_hooks.append(dict(type='Own', place=place, kind=kind.__name__))
    with pytest.raises(kind, match='mine'):
        run(config)


def test_faults_of_independent_settings_are_told_at_once(tmp_path, capsys, monkeypatch):
    config = config_of(tmp_path / 'work', search=True)
    changes = {'num_policies': 0, 'total_prob': 2, 'op_lr': -1, 'space.ops': ['Blurr']}
    change(config, {f'train_cfg.{key}': value for key, value in changes.items()})
    lines = told(lambda: run(config), capsys, monkeypatch).splitlines()
    for line, name in zip(lines, ('Blurr', 'num_pol', 'total_p', 'op_lr'), strict=True):
        assert name in line


def test_faults_of_config_and_folders_are_told_at_once(tmp_path, capsys, monkeypatch):
    config = config_of(tmp_path / 'work', search=False)
    changes = {'load_from': 'no.pth', 'test_cfg': {}, 'randomness.seed': -1}
    change(config, changes)
    lines = told(lambda: run(config), capsys, monkeypatch).splitlines()
    assert len(lines) == len(changes)


def test_unknown_keys_of_a_section_are_told_at_once(tmp_path, capsys, monkeypatch):
    config = config_of(tmp_path / 'work', search=True)
    change(config, {'train_cfg.space.level': [6], 'train_cfg.space.dept': 2})
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert "unknown keys 'level', 'dept'; did you mean 'levels', 'depth'?" in sentence


def classifier(work, folder, num_classes, search):
    for label in range(3):
        (folder / f'c{label}').mkdir(parents=True)
        for index in range(4):
            image = image_of(4 * label + index)
            cv2.imwrite(str(folder / f'c{label}' / f'{index}.png'), image)
    config = toy.search_config(work)
    config.default_scope = 'mmpretrain'
    steps = ['LoadImageFromFile', 'ddas_mm.DDASAugment', 'PackInputs']
    pipeline = [dict(type=name) for name in (steps if search else steps[::2])]
    config.train_dataloader.dataset = dict(
        type='CustomDataset', data_root=str(folder), pipeline=pipeline
    )
    del config.train_dataloader['collate_fn']
    config.train_dataloader.batch_size = 2
    config.model = dict(
        type='ImageClassifier',
        backbone=dict(
            type='ResNet_CIFAR',
            depth=18,
            stem_channels=4,
            base_channels=4,
            out_indices=(3,),
        ),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=num_classes, in_channels=32),
    )
    if search:
        config.train_cfg.update(proxy=dict(num_train=4, num_val=4), max_epochs=1)
    else:
        config.train_cfg = dict(by_epoch=True, max_epochs=1)
        config.custom_hooks = []
    return config


@pytest.mark.parametrize('search', [True, False], ids=['search', 'train'])
def test_more_classes_in_the_data_than_in_the_head(
    tmp_path, capsys, monkeypatch, search
):
    work = tmp_path / 'work'
    config = classifier(work, tmp_path / 'data', 2, search)
    sentence = told(lambda: run(config), capsys, monkeypatch)
    assert re.search(r"label 2 \('c2'\), but model.head.num_classes is 2", sentence)
    assert not work.exists()


def test_labels_that_the_pipeline_replaces_are_not_refused(tmp_path, monkeypatch):
    """As those of self-supervision and of detection by words."""
    lighten(monkeypatch)
    config = classifier(tmp_path / 'work', tmp_path / 'data', 2, search=True)
    config.train_dataloader.dataset.pipeline.insert(1, dict(type='OneClass'))
    run(config)
