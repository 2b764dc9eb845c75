# What needs no search: the 24 labelled images of the new camera are trained on, too,
# each so often that they make up a quarter of all. About as many steps as the others.
_base_ = ['retinanet_r18_digits.py']

upright = _base_.train_dataloader.dataset
camera = dict(
    type='RepeatDataset',
    times=8,
    dataset=dict(
        **{k: v for k, v in upright.items() if k not in ('ann_file', 'data_prefix')},
        ann_file='annotations/deploy_val.json',
        data_prefix=dict(img='deploy_val/'),
        indices=24,
    ),
)
train_dataloader = dict(
    dataset=dict(_delete_=True, type='ConcatDataset', datasets=[upright, camera])
)
train_cfg = dict(max_epochs=23)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', T_max=23, convert_to_iter_based=True),
]
del upright, camera
