# Search for CIFAR-100 with WRN-40-2 (DDAS paper, Section 4.2 and Appendix C.1).
_base_ = [
    '_base_/datasets/cifar100.py',
    '_base_/models/wrn40-2.py',
    '_base_/schedules/search_cifar.py',
]

model = dict(head=dict(num_classes=100))
train_cfg = dict(space=dict(constants=dict(channel_order='rgb')))  # as in the archive
train_dataloader = dict(batch_size=32)
custom_hooks = [
    dict(
        type='ddas_mm.DDASHook',
        smooth=2,  # F_s
        retrain='retrain/wrn28-10_cifar100.py',
    )
]
val_dataloader = val_cfg = val_evaluator = None
test_dataloader = test_cfg = test_evaluator = None
