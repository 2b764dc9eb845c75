# Cutout alone.
_base_ = ['../retrain/wrn28-10_svhn.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.cutout))
custom_hooks = []
