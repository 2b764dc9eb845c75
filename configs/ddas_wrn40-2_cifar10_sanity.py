# The paper's sanity check (Section 4.1, Fig. 4, Appendix C.1), on CIFAR-10 as class
# folders of images: S_val is turned by 90 degrees, and Rotate90, a candidate in place
# of Rotate, must become the dominant one.
_base_ = ['ddas_wrn40-2_cifar10.py']

planted = 'Rotate90'  # the candidate that must come out on top
val_pipeline = [
    dict(type='LoadImageFromFile'),
    # mm turns clockwise, Rotate90 counter-clockwise
    dict(type='Rotate', angle=-90, prob=1.0, random_negative_prob=0.0),
    dict(type='PackInputs'),
]
train_cfg = dict(
    space=dict(name='sanity', depth=1),  # 18 candidates of level 2, N_o
    total_prob=0.75,  # initial p_tp
    policy_dataloader=dict(dataset=dict(pipeline=val_pipeline)),
)
custom_hooks = [dict(type='ddas_mm.DDASHook', smooth=2)]
