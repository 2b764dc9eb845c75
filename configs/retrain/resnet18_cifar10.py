# Training on all of CIFAR-10 with a searched policy, which a search puts in here.
_base_ = ['../_base_/resnet18_cifar10.py']

train_cfg = dict(by_epoch=True, max_epochs=200, val_interval=10)
val_dataloader = {{_base_.test_dataloader}}
val_cfg = dict()
val_evaluator = {{_base_.test_evaluator}}
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=5e-4),
)
param_scheduler = [
    dict(type='CosineAnnealingLR', T_max=200, convert_to_iter_based=True)
]
custom_hooks = [dict(type='ddas_mm.DDASHook')]
