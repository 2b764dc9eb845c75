# RandAugment's rule on the operations of Zoph et al.: N of them on every image, all
# with level M. N and M are to be tuned: --cfg-options
# train_dataloader.dataset.pipeline.2.policy.space.levels=[4]
_base_ = ['../retrain/retinanet_r101_coco.py']

policy = dict(
    space=dict(
        name='coco',
        levels=(6,),  # M
        depth=2,  # N
    ),
    total_prob=1.0,
)
pipeline = [
    *_base_.train_pipeline[:2],
    dict(type='ddas_mm.DDASAugment', policy=policy),
    *_base_.train_pipeline[3:],
]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
