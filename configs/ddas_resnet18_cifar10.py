# Search for CIFAR-10 with ResNet-18; the settings are the paper's (Section 4.2), its
# network is WRN-40-2.
_base_ = [
    '_base_/datasets/cifar10.py',
    'mmpretrain::_base_/models/resnet18_cifar.py',
    '_base_/schedules/search_cifar.py',
]

train_dataloader = dict(batch_size=32)
custom_hooks = [
    dict(
        type='ddas_mm.DDASHook',
        smooth=2,  # F_s
        retrain='retrain/resnet18_cifar10.py',
    )
]
val_dataloader = val_cfg = val_evaluator = None
test_dataloader = test_cfg = test_evaluator = None
