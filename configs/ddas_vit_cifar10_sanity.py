# The paper's sanity check in a small version with a transformer and AdamW.
_base_ = ['ddas_wrn10-1_cifar10_sanity.py']

model = dict(
    _delete_=True,
    type='ImageClassifier',
    backbone=dict(
        type='VisionTransformer',
        arch=dict(embed_dims=64, num_layers=3, num_heads=4, feedforward_channels=128),
        img_size=32,
        patch_size=8,
        out_type='avg_featmap',
        with_cls_token=False,
    ),
    head=dict(type='LinearClsHead', num_classes=10, in_channels=64),
)
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0),
)
train_cfg = dict(
    max_epochs=10,  # of 120 steps
    proxy=dict(num_train=3840),
    policy_follows_lr=False,
)
param_scheduler = [dict(type='CosineAnnealingLR', T_max=10, convert_to_iter_based=True)]
