# Equal probabilities for all candidates and a fixed p_tp: what is left of the method
# without a search.
_base_ = ['../retrain/wrn40-2_cifar10.py']

policy = dict(space=dict(name='cifar', depth=2), total_prob=0.35)  # p_tp
pipeline = [
    *_base_.train_pipeline[:1],
    dict(type='ddas_mm.DDASAugment', policy=policy),
    *_base_.train_pipeline[2:],
]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
