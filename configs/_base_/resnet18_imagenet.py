# ResNet-18 on ImageNet, with the place where policies act (DDAS paper, Section 4.3).
_base_ = ['mmpretrain::resnet/resnet18_8xb32_in1k.py']

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ddas_mm.DDASAugment'),  # policies act here
    dict(type='RandomResizedCrop', scale=224),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='PackInputs'),
]
# What the baselines do instead, behind crop and flip as in their publications.
pipelines = dict(
    none=[*train_pipeline[:1], *train_pipeline[2:]],
    autoaugment=[
        *train_pipeline[:1],
        *train_pipeline[2:4],
        dict(type='NumpyToPIL', to_rgb=True),
        dict(type='ddas_mm.TorchvisionAutoAugment', policy='imagenet'),
        dict(type='PILToNumpy', to_bgr=True),
        *train_pipeline[4:],
    ],
    randaugment=[
        *train_pipeline[:1],
        *train_pipeline[2:4],
        dict(type='NumpyToPIL', to_rgb=True),
        dict(type='torchvision/RandAugment', num_ops=2, magnitude=9),
        dict(type='PILToNumpy', to_bgr=True),
        *train_pipeline[4:],
    ],
    trivialaugment=[
        *train_pipeline[:1],
        *train_pipeline[2:4],
        dict(type='NumpyToPIL', to_rgb=True),
        dict(type='torchvision/TrivialAugmentWide'),
        dict(type='PILToNumpy', to_bgr=True),
        *train_pipeline[4:],
    ],
)
train_dataloader = dict(
    collate_fn=dict(type='default_collate'),
    persistent_workers=True,
    dataset=dict(pipeline=train_pipeline),
)
