# WRN-28-10 on all of SVHN with a searched policy, which a search puts in here
# (DDAS paper, Appendix A).
_base_ = [
    '../_base_/datasets/svhn.py',
    '../_base_/models/wrn28-10.py',
    '../_base_/schedules/training_cifar.py',
]

train_cfg = dict(max_epochs=160)
optim_wrapper = dict(optimizer=dict(lr=0.005, weight_decay=1e-3))
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=160, convert_to_iter_based=True)
]
custom_hooks = [dict(type='ddas_mm.DDASHook')]
