# Training on all of COCO with a searched policy (DDAS paper, Section 4.4: from scratch,
# 150 epochs, batch 64, as in Zoph et al.). A search puts its policy in here.
_base_ = ['../_base_/retinanet_r50_coco.py']

train_dataloader = dict(batch_size=8)  # on 8 GPUs
train_cfg = dict(max_epochs=150, val_interval=10)
optim_wrapper = dict(optimizer=dict(lr=0.08, momentum=0.9, weight_decay=1e-4))
auto_scale_lr = dict(enable=True, base_batch_size=64)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', by_epoch=True, milestones=[120, 140], gamma=0.1),
]
custom_hooks = [dict(type='ddas_mm.DDASHook')]
