# ResNet-200 on all of ImageNet with a searched policy (DDAS paper, Appendix C.2). A
# search puts its policy in here.
_base_ = ['resnet50_imagenet.py']

model = dict(
    backbone=dict(
        _delete_=True, type='ddas_mm.ResNet200', num_stages=4, out_indices=(3,)
    )
)
