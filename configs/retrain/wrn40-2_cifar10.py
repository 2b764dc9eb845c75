# WRN-40-2, the network of the search, on all of CIFAR-10 with a searched policy: a
# comparison that the paper does not make, at a fortieth of WRN-28-10's cost.
_base_ = [
    '../_base_/datasets/cifar10.py',
    '../_base_/models/wrn40-2.py',
    '../_base_/schedules/training_cifar.py',
]

custom_hooks = [dict(type='ddas_mm.DDASHook')]
