# Search for CIFAR-10 with WRN-40-2 (DDAS paper, Section 4.2 and Appendix C.1), on the
# images as class folders.
_base_ = ['ddas_resnet18_cifar10.py']

model = dict(
    backbone=dict(_delete_=True, type='ddas_mm.WideResNet', depth=40, width=2),
    head=dict(in_channels=128),
)
