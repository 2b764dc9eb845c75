# RandAugment (Cubuk et al., 2020) with torchvision's N = 2 and M = 9.
_base_ = ['../retrain/resnet50_imagenet.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.randaugment))
custom_hooks = []
