# No augmentation.
_base_ = ['../retrain/wrn28-10_svhn.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.none))
custom_hooks = []
