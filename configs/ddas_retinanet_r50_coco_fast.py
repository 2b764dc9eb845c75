# The search for COCO in a third of the images, on one GPU: mini-batches of 2, and so
# twice as many draws of each candidate (docs/benchmarks.md).
_base_ = ['ddas_retinanet_r50_coco.py']

train_dataloader = dict(batch_size=2)
train_cfg = dict(
    max_epochs=8,  # of 1500 steps
    total_lr=0.00047,  # as far as the paper's rates lead: 5640 steps of 0.001
    op_lr=0.00047,
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', by_epoch=True, milestones=[6, 7], gamma=0.1),
]
custom_hooks = [
    dict(type='ddas_mm.DDASHook', smooth=2, retrain='retrain/retinanet_r50_coco.py')
]
