# Shake-Shake 26 2x96d on CIFAR-10/100 (DDAS paper, Section 4.2 and Appendix C.1).
_base_ = ['training_cifar.py']

train_cfg = dict(max_epochs=1800, val_interval=50)
optim_wrapper = dict(optimizer=dict(lr=0.01, weight_decay=1e-3))
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=1800, convert_to_iter_based=True)
]
