# A project's own training config, with the policy that a search has emitted.
_base_ = ['mmdet::retinanet/retinanet_r50_fpn_1x_coco.py', 'ddas_policy.py']

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='ddas_mm.DDASAugment', policy=_base_.ddas_policy),
    dict(type='Resize', scale=(1333, 800), keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
# train_pipeline alone changes nothing: the data set has its own copy
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
custom_hooks = [dict(type='ddas_mm.DDASHook')]  # tells the workers the epoch
