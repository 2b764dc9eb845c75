# TrivialAugment-Wide (Mueller and Hutter, 2021).
_base_ = ['../retrain/wrn40-2_cifar10.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.trivialaugment))
custom_hooks = []
