"""Operations ranked by fine-tuning with each: networks of three mm packages."""

import json

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from tests.integration import test_digits as quickstart
from tests.integration import test_planted_segmentation as squares
from tests.ranks import ROOT
from tests.toy import NO_MMSEG

pytestmark = pytest.mark.slow
run, digits = quickstart.run, quickstart.digits


def ranked(folder, config, checkpoint, *options):
    tool = ROOT / 'tools/analysis_tools/rank_augmentations.py'
    words = config, checkpoint, '--finetune', '--work-dir', folder / 'ranked', *options
    run(tool, *words, cwd=folder)
    return json.loads((folder / 'ranked/finetuning.json').read_text())


def segmentation(root):
    """The config of a training on what is here, evaluated on what is there."""

    def loader(part, **changes):
        steps = ['LoadImageFromFile', 'LoadAnnotations', 'PackSegInputs']
        prefix = dict(img_path=f'{part}/images', seg_map_path=f'{part}/maps')
        dataset = dict(
            type='BaseSegDataset',
            data_root=str(root),
            data_prefix=prefix,
            img_suffix='.png',
            metainfo=dict(classes=tuple('abc')),
            pipeline=[dict(type=name) for name in steps],
        )
        sampler = dict(type='DefaultSampler', shuffle=part == 'here')
        return dict(batch_size=8, num_workers=0, sampler=sampler, dataset=dataset)

    sgd = dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=1e-4)
    return Config(
        dict(
            default_scope='mmseg',
            work_dir=str(root / 'trained'),
            model=squares.MODEL,
            train_dataloader=loader('here'),
            train_cfg=dict(by_epoch=True, max_epochs=10, val_interval=10),
            val_dataloader=loader('there'),
            val_cfg=dict(),
            val_evaluator=dict(type='IoUMetric', iou_metrics=['mIoU']),
            optim_wrapper=dict(type='OptimWrapper', optimizer=sgd),
            param_scheduler=[dict(type='PolyLR', by_epoch=False, end=160)],
            default_hooks=dict(logger=dict(type='LoggerHook', interval=50)),
            randomness=dict(seed=0),
            log_level='WARNING',
        )
    )


@pytest.mark.parametrize('planted', squares.CHANGES)
def test_planted_change_of_a_segmentation_gains_most(planted, tmp_path):
    pytest.importorskip('mmseg', reason=NO_MMSEG)
    squares.write_data(tmp_path, planted)
    config = segmentation(tmp_path)
    config.dump(tmp_path / 'training.py')
    Runner.from_cfg(config).train()
    found = ranked(
        *(tmp_path, 'training.py', 'trained/epoch_10.pth', '--operations'),
        *('Rotate90_BBox', 'FlipLR_BBox', 'Invert', 'Color', 'Cutout'),
    )
    assert found['metric'] == 'mIoU'
    best, *others = found['gains']
    assert (best['candidate'], best['verdict']) == (planted, 'helps')
    assert best['low'] > max(gain['high'] for gain in others)


def test_detector_of_mmdet_is_ranked_by_its_map(digits, tmp_path):
    base = ROOT / 'configs/retrain/retinanet_r18_digits.py'
    (tmp_path / 'training.py').write_text(
        f"_base_ = ['{base}']\n"
        'val_dataloader, val_cfg = _base_.test_dataloader, dict()\n'
        'val_evaluator = _base_.test_evaluator\n'
        'model = dict(test_cfg=dict(score_thr=0.0))  # it has learned nothing\n'
        'train_cfg = dict(max_epochs=1)\n'
        "steps = ['LoadImageFromFile', 'LoadAnnotations', 'PackDetInputs']\n"
        'train_pipeline = [dict(type=name) for name in steps]\n'
        "train_pipeline[1]['with_bbox'] = True\n"
        'dataset = dict(pipeline=train_pipeline)\n'
        'train_dataloader = dict(num_workers=2, dataset=dataset)\n'
        'custom_hooks = []\n'
    )
    data = '--data-root', digits
    train = ROOT / 'tools/train.py', 'training.py', *data, '--work-dir', 'trained'
    run(*train, cwd=tmp_path)
    options = '--steps', 2, '--operations', 'Color', 'Rotate_BBox', 'BBox_Cutout', *data
    found = ranked(tmp_path, 'training.py', 'trained/epoch_1.pth', *options)
    assert found['metric'] == 'coco/bbox_mAP'
    assert [len(runs) for runs in found['runs'].values()] == [2] * 4
