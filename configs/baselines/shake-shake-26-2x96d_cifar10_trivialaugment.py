# TrivialAugment-Wide (Mueller and Hutter, 2021).
_base_ = ['../retrain/shake-shake-26-2x96d_cifar10.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.trivialaugment))
custom_hooks = []
