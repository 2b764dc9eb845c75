# The paper's sanity check in a small version, for two CPU cores: 600 steps of a network
# of 78,000 parameters.
_base_ = ['ddas_wrn40-2_cifar10_sanity.py']

planted = 'Rotate90'  # the candidate that must come out on top
model = dict(backbone=dict(depth=10, width=1), head=dict(in_channels=64))
train_dataloader = dict(num_workers=0, persistent_workers=False)
train_cfg = dict(
    proxy=dict(num_train=960),  # 20 epochs of 30 steps
)
