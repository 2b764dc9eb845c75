# WRN-28-10 on all of CIFAR-10's archive with a searched policy, which a search puts in
# here (DDAS paper, Section 4.2 and Appendix C.1).
_base_ = [
    '../_base_/datasets/cifar10_archive.py',
    '../_base_/models/wrn28-10.py',
    '../_base_/schedules/training_cifar.py',
]

custom_hooks = [dict(type='ddas_mm.DDASHook')]
