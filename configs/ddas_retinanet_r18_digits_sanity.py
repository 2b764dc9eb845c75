# The sanity check for detection (the paper's is Section 4.1, for classification): S_val
# is turned by 90 degrees with its boxes, and of 16 candidates the search must find
# Rotate90_BBox.
_base_ = ['ddas_retinanet_r18_digits.py']

planted = 'Rotate90_BBox'  # the candidate that must come out on top
train_dataloader = dict(batch_size=8)
train_cfg = dict(
    max_epochs=8,  # of 75 steps
    proxy=dict(num_train=600),
    space=dict(
        # The quickstart's without shears: they widen boxes, as a turn of digits does.
        ops=(
            *('Identity', 'Rotate90_BBox', 'FlipLR_BBox', 'FlipUD_BBox'),
            *('Rotate_BBox', 'TranslateX_BBox', 'TranslateY_BBox'),
            *('AutoContrast', 'Equalize', 'Posterize', 'Solarize', 'SolarizeAdd'),
            *('Color', 'Contrast', 'Brightness', 'Sharpness'),
        ),
        levels=(2,),  # as in the paper's check
    ),
    op_lr=0.02,  # Adam, alpha_o
    policy_dataloader=dict(batch_size=16),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=30),
    dict(type='CosineAnnealingLR', T_max=8, convert_to_iter_based=True),
]
custom_hooks = [dict(type='ddas_mm.DDASHook', smooth=2)]
