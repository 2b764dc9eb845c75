# Training of WRN-28-10 on CIFAR-10/100 (DDAS paper, Section 4.2 and Appendix C.1).
_base_ = ['mmpretrain::_base_/default_runtime.py']

train_cfg = dict(by_epoch=True, max_epochs=200, val_interval=10)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4),
)
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=200, convert_to_iter_based=True)
]
auto_scale_lr = dict(base_batch_size=128)
default_hooks = dict(checkpoint=dict(max_keep_ckpts=3))
