# AutoAugment for detection: policy v2 of Zoph et al. (2020).
_base_ = ['../retrain/retinanet_r50_coco.py']

pipeline = [
    *_base_.train_pipeline[:2],
    dict(type='ddas_mm.SubPolicyAugment', policies='v2'),
    *_base_.train_pipeline[3:],
]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
custom_hooks = []
