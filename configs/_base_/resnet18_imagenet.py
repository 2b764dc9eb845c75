# ResNet-18 on ImageNet, with the place where policies act (DDAS paper, Section 4.3).
_base_ = ['mmpretrain::resnet/resnet18_8xb32_in1k.py']

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ddas_mm.DDASAugment'),  # policies act here
    dict(type='RandomResizedCrop', scale=224),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
train_dataloader = dict(
    collate_fn=dict(type='default_collate'),
    persistent_workers=True,
    dataset=dict(pipeline=train_pipeline),
)
