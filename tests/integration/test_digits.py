"""Search and retraining from the command line, on digits made on the fly."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from ddas_mm.policy import read_policy

ROOT = Path(__file__).parents[2]
SMALL = (
    'train_cfg.max_epochs=2',
    'train_cfg.proxy.num_train=8',
    'default_hooks.logger.interval=1',
)


def run(*command, cwd, check=True, env=None):
    result = subprocess.run(
        [sys.executable, '-W', 'ignore', *map(str, command)],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    if check:
        assert result.returncode == 0, result.stdout + result.stderr
    return result


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data') / 'digits'
    sizes = ('--num-train', 24, '--num-val', 16, '--num-test', 16)
    tool = ROOT / 'tools/dataset_converters/digits.py'
    run(tool, '--out', folder, *sizes, cwd=folder.parent)
    return folder


@pytest.fixture(scope='module')
def searched(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp('search')
    config = ROOT / 'configs/ddas_retinanet_r18_digits.py'
    arguments = ('--data-root', digits, '--work-dir', folder / 'work')
    run(
        *(ROOT / 'tools/search.py', config, *arguments, '--seed', 5),
        *('--cfg-options', *SMALL),
        cwd=folder,
    )
    return folder / 'work'


def test_search_of_a_detector_emits_a_policy(searched):
    schedule = read_policy(searched / 'policy.json')
    assert len(schedule) == 2
    assert len(schedule.space) == 16
    assert schedule.search['seed'] == 5
    assert schedule.search['steps'] == 4
    assert (schedule.op_probs[0] != schedule.op_probs[1]).any()
    assert schedule.search['skipped_steps'] == 0


def test_emitted_config_trains_evaluates_and_augments(searched, digits, tmp_path):
    """From another folder, as it is, with the data root of the search."""
    emitted = searched / 'retrain_retinanet_r18_digits.py'
    options = ('train_cfg.max_epochs=2', 'param_scheduler=None')
    run(
        *(ROOT / 'tools/train.py', emitted, '--work-dir', tmp_path / 'train'),
        *('--cfg-options', *options),
        cwd=tmp_path,
    )
    log = next((tmp_path / 'train').glob('*/*.log')).read_text()
    rows = re.findall(r'epoch (\d) of 2 uses row (\d) of 2', log)
    assert rows == [('1', '1'), ('2', '2')]
    counts = [
        tuple(map(int, found))
        for found in re.findall(r'DDAS: (\d+) of (\d+) images augmented', log)
    ]
    assert [seen for _, seen in counts] == [24, 24]
    # p_tp is 0.75: 48 images, a 99.99 % binomial interval
    augmented = sum(changed for changed, _ in counts)
    assert abs(augmented - 36) < 3.9 * np.sqrt(48 * 0.75 * 0.25)
    result = run(
        *(ROOT / 'tools/test.py', emitted, tmp_path / 'train/epoch_2.pth'),
        *('--work-dir', tmp_path / 'test', '--out', tmp_path / 'found.pkl'),
        cwd=tmp_path,
    )
    assert (tmp_path / 'found.pkl').stat().st_size > 0
    assert 'Epoch(test) [1/1]' in result.stdout + result.stderr
    result = run(
        *(ROOT / 'tools/analysis_tools/compare_detectors.py', '--out', 'both.png'),
        *('--run', 'trained', emitted, tmp_path / 'train/epoch_2.pth'),
        *('--policy', searched / 'policy.json', '--num-images', 2),
        cwd=tmp_path,
    )
    # nothing but the table: the progress is on stderr
    assert re.fullmatch(r'trained +mAP 0\.\d{3}\npicture: both.png\n', result.stdout)
    assert 'Epoch(test) [1/1]' in result.stderr
    assert (tmp_path / 'both.png').stat().st_size > 0


def test_classifier_of_mmpretrain_is_searched_by_the_same_loop(digits, tmp_path):
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='ddas_mm.DDASAugment'),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PackInputs'),
    ]
    Config(
        dict(
            default_scope='mmpretrain',
            model=dict(
                type='ImageClassifier',
                data_preprocessor=dict(num_classes=10, mean=[127.0], std=[64.0]),
                backbone=dict(
                    type='ResNet_CIFAR',
                    depth=18,
                    base_channels=8,
                    stem_channels=8,
                    out_indices=(3,),
                ),
                neck=dict(type='GlobalAveragePooling'),
                head=dict(type='LinearClsHead', num_classes=10, in_channels=64),
            ),
            train_dataloader=dict(
                batch_size=8,
                num_workers=0,
                sampler=dict(type='DefaultSampler', shuffle=True),
                dataset=dict(
                    type='CustomDataset',
                    data_root=str(digits / 'cls/train'),
                    pipeline=pipeline,
                ),
            ),
            train_cfg=dict(
                type='ddas_mm.DDASLoop',
                max_epochs=2,
                proxy=dict(num_train=24, num_val=16),
                space=dict(name='cifar', depth=2),
                policy_dataloader=dict(batch_size=16),
            ),
            optim_wrapper=dict(
                type='OptimWrapper',
                optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=5e-4),
            ),
            custom_hooks=[dict(type='ddas_mm.DDASHook')],
        )
    ).dump(tmp_path / 'classifier.py')
    run(ROOT / 'tools/search.py', 'classifier.py', cwd=tmp_path)
    schedule = read_policy(tmp_path / 'work_dirs/classifier/policy.json')
    assert len(schedule.space) == 51
    assert schedule.search['steps'] == 6
    assert schedule.op_probs[-1].std() > 0


def test_benchmark_holds_a_step_against_its_floor(digits, tmp_path):
    result = run(
        ROOT / 'tools/analysis_tools/benchmark_search.py',
        ROOT / 'configs/ddas_retinanet_r18_digits.py',
        *('--data-root', digits, '--steps', 2, '--warmup', 1),
        *('--cfg-options', *SMALL),
        cwd=tmp_path,
    )
    values = dict(re.findall(r'^(\w[\w ]*\w) +([\d.]+) s$', result.stdout, re.M))
    parts = ('views', 'mixture', 'optimiser', 'S_val and alignment', 'policy')
    assert (
        0 < sum(float(values[part]) for part in parts) <= float(values['step']) * 1.05
    )
    assert re.search(r'step / floor, everything: +\d\.\d{3}', result.stdout)
    assert result.stdout.startswith('medians of 2 steps')
    assert list(tmp_path.iterdir()) == []


def test_operation_of_a_users_own_is_searched_and_trained_with(digits, tmp_path):
    (tmp_path / 'own_ops.py').write_text(
        'import numpy as np\n'
        'from ddas_mm.ops import LevelMap, OpSpec, Pixels, register_op\n'
        'def dim(image, grey_levels):\n'
        '    return np.maximum(image, int(grey_levels)) - np.uint8(grey_levels)\n'
        "level_map = LevelMap(50, 'grey levels', 'this test')\n"
        "register_op('detection', OpSpec('Dim', Pixels(dim), level_map))\n"
    )
    retrain = ROOT / 'configs/retrain/retinanet_r18_digits.py'
    imports = "custom_imports = dict(imports=['own_ops'])\n"
    (tmp_path / 'training.py').write_text(f"_base_ = ['{retrain}']\n{imports}")
    (tmp_path / 'mine.py').write_text(
        f"_base_ = ['{ROOT / 'configs/ddas_retinanet_r18_digits.py'}']\n{imports}"
        "space = dict(_delete_=True, table='detection', ops=['Invert', 'Dim'],\n"
        '    levels=[4, 8], depth=2)\n'
        'train_cfg = dict(space=space)\n'
        "custom_hooks = [dict(type='ddas_mm.DDASHook', retrain='training.py')]\n"
    )
    environment = {**os.environ, 'PYTHONPATH': str(tmp_path)}
    arguments = ('--data-root', digits, '--work-dir', 'work')
    options = ('--cfg-options', 'train_dataloader.num_workers=1', *SMALL)
    run(
        *(ROOT / 'tools/search.py', 'mine.py', *arguments, *options),
        cwd=tmp_path,
        env=environment,
    )
    schedule = read_policy(tmp_path / 'work/policy.json')
    assert schedule.space.labels == ['Invert', 'Dim 4', 'Dim 8']
    run(
        *(ROOT / 'tools/train.py', 'work/retrain_training.py', '--work-dir', 'train'),
        *('--cfg-options', 'train_cfg.max_epochs=1', 'param_scheduler=None'),
        *('train_dataloader.num_workers=1', 'env_cfg.mp_cfg.mp_start_method=spawn'),
        cwd=tmp_path,
        env=environment,
    )
    log = next((tmp_path / 'train').glob('*/*.log')).read_text()
    assert re.search(r'DDAS: [1-9]\d* of 24 images augmented', log)


WRONG = {
    'config': (('configs/nowhere.py',), r"config file '.*nowhere.py' does not exist"),
    'data': (
        ('configs/ddas_retinanet_r18_digits.py', '--data-root', 'nowhere'),
        "train_dataloader.dataset finds no 'nowhere/annotations/train.json'",
    ),
    'optimiser': (
        (
            'configs/ddas_retinanet_r18_digits.py',
            *('--cfg-options', 'optim_wrapper.accumulative_counts=2', *SMALL),
        ),
        'optim_wrapper.accumulative_counts must be 1 in a search',
    ),
}


@pytest.mark.parametrize('name', WRONG)
def test_unusable_start_is_one_sentence_and_leaves_nothing(name, digits, tmp_path):
    (config, *arguments), message = WRONG[name]
    if '--data-root' not in arguments:
        arguments = ['--data-root', digits, *arguments]
    result = run(
        *(ROOT / 'tools/search.py', ROOT / config, '--work-dir', tmp_path / 'work'),
        *arguments,
        cwd=tmp_path,
        check=False,
    )
    assert result.returncode == 2
    last = result.stderr.strip().splitlines()[-1]
    assert re.search(f'search.py: error: .*{message}', last)
    assert 'Traceback' not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_policy_of_a_search_is_valid_json(searched):
    data = json.loads((searched / 'policy.json').read_text())
    assert data['format'] == 'ddas-policy'
    assert {'mmdet', 'torch', 'mmengine'} <= set(data['search']['versions'])
