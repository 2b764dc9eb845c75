# AutoAugment's policy for SVHN (Cubuk et al., 2019).
_base_ = ['../retrain/wrn28-10_svhn.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.autoaugment))
custom_hooks = []
