# WRN-28-10 on all of SVHN with a searched policy, which a search puts in here
# (DDAS paper, Appendix A).
_base_ = [
    '../_base_/datasets/svhn.py',
    '../_base_/models/wrn28-10.py',
    '../_base_/schedules/wrn28-10_svhn.py',
]

custom_hooks = [dict(type='ddas_mm.DDASHook')]
