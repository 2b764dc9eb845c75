# Training with the policy that the quickstart's search found, which puts it in here:
# 2,250 steps of 8 images.
_base_ = ['../_base_/retinanet_r18_digits.py']

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=30)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=50),
    dict(type='CosineAnnealingLR', T_max=30, convert_to_iter_based=True),
]
custom_hooks = [dict(type='ddas_mm.DDASHook')]
