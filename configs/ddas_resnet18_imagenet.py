# Search for ImageNet with ResNet-18 (DDAS paper, Section 4.3 and Appendix C.2).
_base_ = ['_base_/resnet18_imagenet.py']

val_pipeline = [  # S_val is kept as original
    dict(type='LoadImageFromFile'),
    dict(type='ResizeEdge', scale=256, edge='short'),
    dict(type='CenterCrop', crop_size=224),
    dict(type='PackInputs'),
]
train_dataloader = dict(batch_size=32)
train_cfg = dict(
    _delete_=True,
    type='ddas_mm.DDASLoop',
    max_epochs=40,  # T_max
    # S_train and S_val: 6000 and 2400 images
    proxy=dict(num_classes=120, train_per_class=50, val_per_class=20, seed=0),
    space=dict(name='imagenet', depth=2),  # 31 candidates, N_o
    num_policies=2,  # L
    total_prob=0.35,  # initial p_tp
    total_lr=0.002,  # Adam, alpha_tp
    op_lr=0.003,  # Adam, alpha_o
    policy_dataloader=dict(batch_size=64, dataset=dict(pipeline=val_pipeline)),
)
optim_wrapper = dict(optimizer=dict(lr=0.01, momentum=0.9, weight_decay=1e-4))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=40, convert_to_iter_based=True)]
default_hooks = dict(checkpoint=dict(max_keep_ckpts=3))
custom_hooks = [
    dict(
        type='ddas_mm.DDASHook',
        smooth=6,  # F_s
        retrain='retrain/resnet50_imagenet.py',
    )
]
val_dataloader = val_cfg = val_evaluator = None
