# The search for CIFAR-10 in a third of the time: small mini-batches, more policies per
# step, and so nearly twice as many draws of each candidate (docs/benchmarks.md).
_base_ = ['ddas_wrn40-2_cifar10.py']

train_dataloader = dict(batch_size=16)
train_cfg = dict(
    max_epochs=8,  # of 313 steps
    num_policies=7,  # L
    total_lr=0.00125,  # as far as the paper's rates lead: 3140 steps of 0.001
    op_lr=0.00627,  # and of 0.005
    policy_dataloader=dict(batch_size=32),
)
optim_wrapper = dict(optimizer=dict(lr=0.025))
param_scheduler = [dict(type='CosineAnnealingLR', T_max=8, convert_to_iter_based=True)]
