# Equal probabilities for all candidates and a fixed p_tp: what is left of the method
# without a search. For other values:
# --cfg-options train_dataloader.dataset.pipeline.0.policy.total_prob=0.5
_base_ = ['../retrain/wrn28-10_cifar100.py']

policy = dict(
    space=dict(name='cifar', depth=2, constants=dict(channel_order='rgb')),
    total_prob=0.35,  # p_tp; the paper's Table 5 has 0.1, 0.35, 0.5, 0.75 and 1
)
pipeline = [
    dict(type='ddas_mm.DDASAugment', policy=policy),
    *_base_.train_pipeline[1:],
]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
