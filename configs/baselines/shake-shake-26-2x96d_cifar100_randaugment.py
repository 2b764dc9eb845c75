# RandAugment (Cubuk et al., 2020) with torchvision's N = 2 and M = 9.
_base_ = ['../retrain/shake-shake-26-2x96d_cifar100.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.randaugment))
custom_hooks = []
