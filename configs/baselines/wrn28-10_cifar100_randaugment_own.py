# RandAugment's rule on this project's operations: N of them on every image, all with
# level M. N and M are to be tuned: --cfg-options
# train_dataloader.dataset.pipeline.0.policy.space.levels=[6]
_base_ = ['../retrain/wrn28-10_cifar100.py']

policy = dict(
    space=dict(
        name='cifar',
        levels=(10,),  # M
        depth=2,  # N
        constants=dict(channel_order='rgb'),
    ),
    total_prob=1.0,
)
pipeline = [
    dict(type='ddas_mm.DDASAugment', policy=policy),
    *_base_.train_pipeline[1:],
]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
