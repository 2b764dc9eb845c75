# CIFAR-10 as class folders of images, with the place where policies act.
_base_ = ['classification_loaders.py']

data_preprocessor = dict(
    num_classes=10,
    mean=[125.307, 122.961, 113.8575],
    std=[51.5865, 50.847, 51.255],
    to_rgb=True,
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ddas_mm.DDASAugment'),  # policies act here
    dict(type='RandomCrop', crop_size=32, padding=4),
    dict(type='RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='Cutout', shape=16, pad_val=(114, 123, 125), prob=1.0),  # the mean
    dict(type='PackInputs'),
]
# What the baselines do instead, behind crop and flip as in their publications.
pipelines = dict(
    none=[*train_pipeline[:1], *train_pipeline[2:4], *train_pipeline[5:]],
    cutout=[*train_pipeline[:1], *train_pipeline[2:]],
    autoaugment=[
        *train_pipeline[:1],
        *train_pipeline[2:4],
        dict(type='NumpyToPIL', to_rgb=True),
        dict(type='ddas_mm.TorchvisionAutoAugment', policy='cifar10'),
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
test_pipeline = [dict(type='LoadImageFromFile'), dict(type='PackInputs')]
train_dataloader = dict(
    dataset=dict(
        type='CustomDataset',
        data_root='data/cifar10',
        data_prefix='train',
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    dataset=dict(
        type='CustomDataset',
        data_root='data/cifar10',
        data_prefix='test',
        pipeline=test_pipeline,
    ),
)
test_dataloader = val_dataloader
