# No augmentation but the flip.
_base_ = ['../retrain/retinanet_r50_coco.py']

pipeline = [
    *_base_.train_pipeline[:2],
    *_base_.train_pipeline[3:],
]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
custom_hooks = []
