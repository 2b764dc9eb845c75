# Training on all of CIFAR-10 with a searched policy, which a search puts in here.
_base_ = [
    '../_base_/datasets/cifar10.py',
    'mmpretrain::_base_/models/resnet18_cifar.py',
    '../_base_/schedules/training_cifar.py',
]

custom_hooks = [dict(type='ddas_mm.DDASHook')]
