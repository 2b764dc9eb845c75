# The same training without augmentation.
_base_ = ['../retrain/retinanet_r18_digits.py']

pipeline = [*_base_.train_pipeline[:2], *_base_.train_pipeline[3:]]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
custom_hooks = []
