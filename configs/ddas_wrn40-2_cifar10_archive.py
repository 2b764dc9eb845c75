# Search for CIFAR-10 with WRN-40-2, as ddas_wrn40-2_cifar10.py, on the official
# archive.
_base_ = [
    '_base_/datasets/cifar10_archive.py',
    '_base_/models/wrn40-2.py',
    '_base_/schedules/search_cifar.py',
]

train_cfg = dict(space=dict(constants=dict(channel_order='rgb')))  # as in the archive
train_dataloader = dict(batch_size=32)
custom_hooks = [
    dict(
        type='ddas_mm.DDASHook',
        smooth=2,  # F_s
        retrain='retrain/wrn28-10_cifar10_archive.py',
    )
]
val_dataloader = val_cfg = val_evaluator = None
test_dataloader = test_cfg = test_evaluator = None
