# ResNet-50 on all of ImageNet with a searched policy (DDAS paper, Appendix C.2:
# 270 epochs, batch 512, cosine). A search puts its policy in here.
_base_ = ['../_base_/resnet18_imagenet.py']

model = dict(backbone=dict(depth=50), head=dict(in_channels=2048))
train_dataloader = dict(batch_size=64)  # on 8 GPUs
train_cfg = dict(by_epoch=True, max_epochs=270, val_interval=10)
optim_wrapper = dict(optimizer=dict(lr=0.2, momentum=0.9, weight_decay=1e-4))
param_scheduler = dict(
    _delete_=True, type='CosineAnnealingLR', T_max=270, convert_to_iter_based=True
)
auto_scale_lr = dict(base_batch_size=512)
custom_hooks = [dict(type='ddas_mm.DDASHook')]
