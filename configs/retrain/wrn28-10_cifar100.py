# WRN-28-10 on all of CIFAR-100 with a searched policy, which a search puts in here
# (DDAS paper, Section 4.2 and Appendix C.1).
_base_ = [
    '../_base_/datasets/cifar100.py',
    '../_base_/models/wrn28-10.py',
    '../_base_/schedules/training_cifar.py',
]

model = dict(head=dict(num_classes=100))
custom_hooks = [dict(type='ddas_mm.DDASHook')]
