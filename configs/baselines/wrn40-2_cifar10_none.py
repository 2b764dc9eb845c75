# No augmentation but crop and flip.
_base_ = ['../retrain/wrn40-2_cifar10.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.none))
custom_hooks = []
