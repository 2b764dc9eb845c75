# Search for COCO with RetinaNet R50-FPN (DDAS paper, Section 4.4 and Appendix C.3).
# The paper runs 4 processes of 4 images; with others the rates are scaled.
_base_ = ['_base_/retinanet_r50_coco.py']

train_dataloader = dict(
    batch_size=4,
    dataset=dict(
        # the proxy is drawn from all images, those without objects too
        filter_cfg=dict(_delete_=True, filter_empty_gt=False)
    ),
)
train_cfg = dict(
    _delete_=True,
    type='ddas_mm.DDASLoop',
    max_epochs=30,  # T_max
    proxy=dict(num_train=3000, num_val=1500, seed=0),  # S_train, S_val
    space=dict(name='coco', depth=2),  # 59 candidates, N_o
    num_policies=3,  # L
    total_prob=0.35,  # initial p_tp (not stated in the paper)
    total_lr=0.001,  # Adam, alpha_tp
    op_lr=0.001,  # Adam, alpha_o
    policy_dataloader=dict(batch_size=4),
)
optim_wrapper = dict(optimizer=dict(lr=0.04, momentum=0.9, weight_decay=1e-4))
auto_scale_lr = dict(enable=True, base_batch_size=16)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', by_epoch=True, milestones=[24, 28], gamma=0.1),
]
default_hooks = dict(checkpoint=dict(max_keep_ckpts=3))
custom_hooks = [
    dict(
        type='ddas_mm.DDASHook',
        smooth=6,  # F_s
        retrain='retrain/retinanet_r50_coco.py',
    )
]
val_dataloader = val_cfg = val_evaluator = None
