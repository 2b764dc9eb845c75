# AutoAugment's policy for CIFAR-10 (Cubuk et al., 2019).
_base_ = ['../retrain/wrn28-10_cifar10.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.autoaugment))
custom_hooks = []
