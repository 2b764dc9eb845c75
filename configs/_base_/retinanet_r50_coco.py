# RetinaNet R50-FPN from scratch, with the place where policies act
# (DDAS paper, Section 4.4; from scratch as in Zoph et al.).
_base_ = ['mmdet::retinanet/retinanet_r50_fpn_1x_coco.py']

model = dict(
    backbone=dict(
        frozen_stages=-1,
        norm_eval=False,
        # For ImageNet weights instead of a start from scratch:
        # init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50')
        init_cfg=None,
    )
)
train_pipeline = [
    dict(type='LoadImageFromFile', backend_args=None),
    dict(type='LoadAnnotations', with_bbox=True),
    dict(type='ddas_mm.DDASAugment'),  # policies act here
    dict(type='Resize', scale=(1333, 800), keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackDetInputs'),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
