"""A turn that is planted in S_val of a detector of rotated boxes is found."""

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from ddas_mm.policy import read_policy
from tests.toy import NO_MMROTATE

pytestmark = pytest.mark.slow
NORM = dict(type='BN')
MODEL = dict(
    type='mmdet.RetinaNet',
    data_preprocessor=dict(
        type='mmdet.DetDataPreprocessor',
        mean=[60] * 3,
        std=[60] * 3,
        boxtype2tensor=False,
    ),
    backbone=dict(
        type='mmdet.ResNet',
        depth=18,
        base_channels=16,
        stem_channels=16,
        num_stages=2,
        strides=(1, 2),
        dilations=(1, 1),
        out_indices=(1,),
        norm_cfg=NORM,
    ),
    neck=dict(type='mmdet.FPN', in_channels=[32], out_channels=32, num_outs=1),
    bbox_head=dict(
        type='mmdet.RetinaHead',
        num_classes=15,
        in_channels=32,
        stacked_convs=1,
        feat_channels=32,
        anchor_generator=dict(
            type='FakeRotatedAnchorGenerator',
            angle_version='le90',
            octave_base_scale=3,
            scales_per_octave=1,
            ratios=[0.5, 2.0],
            strides=[8],
        ),
        bbox_coder=dict(
            type='DeltaXYWHTRBBoxCoder',
            angle_version='le90',
            edge_swap=True,
            proj_xy=True,
        ),
        loss_cls=dict(type='mmdet.FocalLoss', use_sigmoid=True),
        loss_bbox=dict(type='mmdet.L1Loss', loss_weight=1.0),
    ),
    train_cfg=dict(
        assigner=dict(
            type='mmdet.MaxIoUAssigner',
            pos_iou_thr=0.4,
            neg_iou_thr=0.3,
            min_pos_iou=0,
            iou_calculator=dict(type='RBboxOverlaps2D'),
        ),
        sampler=dict(type='mmdet.PseudoSampler'),
        allowed_border=-1,
        pos_weight=-1,
    ),
)
OPS = (
    *('Identity', 'Rotate90_BBox', 'FlipLR_BBox', 'FlipUD_BBox', 'Invert'),
    *('TranslateX_BBox', 'TranslateY_BBox', 'Cutout', 'AutoContrast', 'Equalize'),
    *('Posterize', 'Color', 'Contrast', 'Brightness', 'Sharpness'),
)


def search(work_dir, seed):
    pipeline = [
        dict(type='mmdet.LoadImageFromFile'),
        dict(type='mmdet.LoadAnnotations', with_bbox=True, box_type='qbox'),
        dict(type='ConvertBoxType', box_type_mapping=dict(gt_bboxes='rbox')),
        dict(type='ddas_mm.DDASAugment'),
        dict(type='mmdet.PackDetInputs'),
    ]

    def files(part):
        return dict(
            ann_file=f'{part}/annfiles', data_prefix=dict(img_path=f'{part}/images')
        )

    dataset = dict(
        type='DOTADataset', data_root='.', pipeline=pipeline, **files('here')
    )
    train_cfg = dict(
        type='ddas_mm.DDASLoop',
        max_epochs=10,
        proxy=dict(num_train=128),
        space=dict(table='detection', ops=OPS, levels=(2,), depth=1),
        num_policies=3,
        total_prob=0.75,
        op_lr=0.03,
        policy_dataloader=dict(batch_size=16, dataset=files('there')),
    )
    train_cfg['space']['constants'] = dict(translate_const=40, cutout_const=30)
    sgd = dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=1e-4)
    config = dict(
        default_scope='mmrotate',
        work_dir=str(work_dir),
        model=MODEL,
        train_dataloader=dict(batch_size=8, num_workers=0, dataset=dataset),
        train_cfg=train_cfg,
        optim_wrapper=dict(
            type='OptimWrapper', optimizer=sgd, clip_grad=dict(max_norm=10)
        ),
        custom_hooks=[dict(type='ddas_mm.DDASHook')],
        default_hooks=dict(
            checkpoint=None, logger=dict(type='LoggerHook', interval=50)
        ),
        randomness=dict(seed=seed),
        experiment_name=f'turned_{seed}',
        log_level='WARNING',
    )
    Runner.from_cfg(Config(config)).train()
    return read_policy(work_dir / 'policy.json')


def test_planted_turn_is_found_with_every_seed(tmp_path, monkeypatch):
    pytest.importorskip('mmrotate', reason=NO_MMROTATE)
    from tests.derive.test_rotated import write_turned

    monkeypatch.chdir(tmp_path)
    write_turned('here', 128, (-20, 20))
    write_turned('there', 96, (70, 110), seed=1)
    for seed in range(3):
        schedule = search(tmp_path / f'seed_{seed}', seed)
        (first, most), (second, next_) = schedule.top(-1, 2)
        assert first == 'Rotate90_BBox', f'seed {seed}'
        assert most >= 1.5 * next_, f'seed {seed}: {second}'
