# The paper's sanity check in a small version, for two CPU cores: 600 steps of a network
# of 78,000 parameters.
_base_ = ['ddas_wrn40-2_cifar10_sanity.py']

model = dict(backbone=dict(depth=10, width=1), head=dict(in_channels=64))
train_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        # no crop, flip and Cutout: S_val differs from S_train by the plant alone
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='ddas_mm.DDASAugment'),
            dict(type='PackInputs'),
        ]
    ),
)
train_cfg = dict(
    op_lr=0.01,  # Adam, alpha_o: twice the paper's, for a fifth of its steps
    proxy=dict(num_train=960),  # 20 epochs of 30 steps
)
