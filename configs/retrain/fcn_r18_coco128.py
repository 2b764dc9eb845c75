# Training with a searched policy, which the search puts in here.
_base_ = ['../_base_/fcn_r18_coco128.py']

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=150, val_interval=15)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=1e-4, end=150, convert_to_iter_based=True)
]
test_dataloader = _base_.val_dataloader
test_evaluator = _base_.val_evaluator
test_cfg = dict()
custom_hooks = [dict(type='ddas_mm.DDASHook')]
