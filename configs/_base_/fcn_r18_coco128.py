# An FCN of under a million parameters that finds people: from scratch, so that nothing
# is downloaded. The last 32 images are for evaluation, and no search sees them.
default_scope = 'mmseg'

crop_size = (128, 128)
norm = dict(type='BN')
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        size=crop_size,
        seg_pad_val=255,
    ),
    backbone=dict(
        type='ResNetV1c',
        depth=18,
        base_channels=16,
        stem_channels=16,
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        contract_dilation=True,
        norm_cfg=norm,
    ),
    decode_head=dict(
        type='FCNHead',
        in_channels=128,
        in_index=3,
        channels=32,
        num_convs=1,
        concat_input=False,
        num_classes=2,
        norm_cfg=norm,
        loss_decode=dict(  # a tenth of the pixels are people
            type='CrossEntropyLoss', class_weight=[3.0, 1.0]
        ),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)

dataset = dict(
    type='mmdet.CocoDataset',
    data_root='data/coco128/',
    ann_file='annotations/instances_train2017.json',
    data_prefix=dict(img='train2017/'),
    metainfo=dict(classes=('person', 'background')),
)
load = [
    dict(type='LoadImageFromFile'),
    dict(type='mmdet.LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='ddas_mm.LoadSegMapFromMasks', background=1),
]
train_pipeline = [
    *load,
    dict(type='ddas_mm.DDASAugment'),  # policies act here
    dict(
        type='RandomResize', scale=(320, 192), ratio_range=(0.7, 1.5), keep_ratio=True
    ),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.9),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(320, 192), keep_ratio=True),
    *load[1:],
    dict(type='PackSegInputs'),
]
val_pipeline = [  # of S_val, whose images are of many sizes
    *load,
    test_pipeline[1],
    dict(type='CenterCrop', crop_size=crop_size, auto_pad=True),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**dataset, indices=96, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, indices=-32, test_mode=True, pipeline=test_pipeline),
)
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
val_cfg = dict()
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=5e-4),
)

default_hooks = dict(
    logger=dict(type='LoggerHook', interval=12),
    checkpoint=dict(type='CheckpointHook', interval=1, max_keep_ckpts=2),
)
randomness = dict(seed=0)
del dataset, load, norm
