# WRN-28-10 on SVHN (DDAS paper, Appendix A).
_base_ = ['mmpretrain::_base_/default_runtime.py']

train_cfg = dict(by_epoch=True, max_epochs=160, val_interval=10)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.005, momentum=0.9, weight_decay=1e-3),
)
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=160, convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=128)
default_hooks = dict(checkpoint=dict(max_keep_ckpts=3))
