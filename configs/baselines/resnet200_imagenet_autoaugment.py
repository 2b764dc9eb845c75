# AutoAugment's policy for ImageNet (Cubuk et al., 2019).
_base_ = ['../retrain/resnet200_imagenet.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.autoaugment))
custom_hooks = []
