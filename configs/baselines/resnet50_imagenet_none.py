# No augmentation but crop and flip.
_base_ = ['../retrain/resnet50_imagenet.py']

train_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.none))
custom_hooks = []
