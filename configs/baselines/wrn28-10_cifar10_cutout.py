# Cutout and crop and flip.
_base_ = ['../retrain/wrn28-10_cifar10.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.cutout))
custom_hooks = []
