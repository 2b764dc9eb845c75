# The search of the DDAS paper on CIFAR-10/100 and, with another proxy, on SVHN
# (Section 4.2, Appendices A and C.1).
_base_ = ['mmpretrain::_base_/default_runtime.py']

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
