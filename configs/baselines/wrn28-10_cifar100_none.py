# No augmentation but crop and flip.
_base_ = ['../retrain/wrn28-10_cifar100.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.none))
custom_hooks = []
