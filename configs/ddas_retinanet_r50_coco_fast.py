# The search for COCO with two fifths of the images, on one GPU: mini-batches of 2, more
# policies per step, and so 3.7 times as many draws (docs/benchmarks.md).
_base_ = ['ddas_retinanet_r50_coco.py']

train_dataloader = dict(batch_size=2)
train_cfg = dict(
    max_epochs=6,  # of 1500 steps
    num_policies=7,  # L
    total_lr=0.000627,  # as far as the paper's rates lead: 5640 steps of 0.001
    op_lr=0.000627,
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', by_epoch=True, milestones=[5], gamma=0.1),
]
custom_hooks = [
    dict(type='ddas_mm.DDASHook', smooth=2, retrain='retrain/retinanet_r50_coco.py')
]
