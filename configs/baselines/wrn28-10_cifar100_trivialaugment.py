# TrivialAugment-Wide (Mueller and Hutter, 2021).
_base_ = ['../retrain/wrn28-10_cifar100.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.trivialaugment))
custom_hooks = []
