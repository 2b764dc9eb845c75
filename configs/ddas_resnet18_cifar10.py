# Search for CIFAR-10 with ResNet-18; the settings are the paper's (Section 4.2), its
# network is WRN-40-2.
_base_ = ['_base_/resnet18_cifar10.py']

train_dataloader = dict(batch_size=32)
train_cfg = dict(
    type='ddas_mm.DDASLoop',
    max_epochs=20,  # T_max
    proxy=dict(num_train=5000, num_val=5000, seed=0),  # S_train, S_val
    space=dict(name='cifar', depth=2),  # 51 candidates, N_o
    num_policies=3,  # L
    total_prob=0.35,  # initial p_tp
    total_lr=0.001,  # Adam, alpha_tp
    op_lr=0.005,  # Adam, alpha_o
    policy_dataloader=dict(batch_size=256),
)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=5e-4),
)
param_scheduler = [dict(type='CosineAnnealingLR', T_max=20, convert_to_iter_based=True)]
default_hooks = dict(checkpoint=dict(max_keep_ckpts=3))
custom_hooks = [
    dict(
        type='ddas_mm.DDASHook',
        smooth=2,  # F_s
        retrain='retrain/resnet18_cifar10.py',
    )
]
test_dataloader = test_cfg = test_evaluator = None
