# The sanity check for detection (the paper's is Section 4.1, for classification): S_val
# is turned by 90 degrees with its boxes, and of 16 candidates the search must find
# Rotate90_BBox. The quickstart's search, slowed down for a look at how candidates part.
_base_ = ['ddas_retinanet_r18_digits.py']

planted = 'Rotate90_BBox'  # the candidate that must come out on top
train_cfg = dict(
    max_epochs=16,  # of 75 steps
    proxy=dict(num_train=300),
    op_lr=0.005,  # Adam, alpha_o: faster, early noise decides
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type='CosineAnnealingLR', T_max=16, convert_to_iter_based=True),
]
custom_hooks = [dict(type='ddas_mm.DDASHook', smooth=2)]
