# Which augmentations help a small network that finds people in 96 photographs?
_base_ = ['_base_/fcn_r18_coco128.py']

train_cfg = dict(
    type='ddas_mm.DDASLoop',
    max_epochs=30,  # T_max
    proxy=dict(num_train=64, num_val=32),
    space=dict(name='segmentation', depth=2),  # N_o
    num_policies=3,  # L
    total_prob=0.35,  # initial p_tp
    total_lr=0.001,  # Adam, alpha_tp
    op_lr=0.01,  # Adam, alpha_o
    policy_dataloader=dict(batch_size=8, dataset=dict(pipeline=_base_.val_pipeline)),
)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-4, end=30, convert_to_iter_based=True)
]
custom_hooks = [
    dict(type='ddas_mm.DDASHook', smooth=6, retrain='retrain/fcn_r18_coco128.py')
]
val_dataloader = val_cfg = val_evaluator = None
