# Search for SVHN with WRN-40-2 (DDAS paper, Appendix A; F_s is not stated there).
_base_ = [
    '_base_/datasets/svhn.py',
    '_base_/models/wrn40-2.py',
    '_base_/schedules/search_cifar.py',
]

train_cfg = dict(
    proxy=dict(num_train=3000, num_val=3000, seed=0),  # S_train, S_val
    space=dict(name='svhn'),  # 51 candidates
)
train_dataloader = dict(batch_size=32)
custom_hooks = [
    dict(
        type='ddas_mm.DDASHook',
        smooth=2,  # F_s
        retrain='retrain/wrn28-10_svhn.py',
    )
]
val_dataloader = val_cfg = val_evaluator = None
test_dataloader = test_cfg = test_evaluator = None
