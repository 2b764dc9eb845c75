# TrivialAugment-Wide (Mueller and Hutter, 2021).
_base_ = ['../retrain/resnet50_imagenet.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.trivialaugment))
custom_hooks = []
