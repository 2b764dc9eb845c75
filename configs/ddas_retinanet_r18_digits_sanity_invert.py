# The sanity check for detection with a change that moves no boxes: S_val is inverted,
# and of 17 candidates the search must find Invert.
_base_ = ['ddas_retinanet_r18_digits_sanity.py']

planted = 'Invert'  # the candidate that must come out on top
load = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True),
    # Ink is brighter or darker than the ground by chance: an inverted image would look
    # like any other. Folded at 128, all ink is dark.
    dict(type='Solarize', prob=1.0, min_mag=128.0, max_mag=128.0),
]
train_dataloader = dict(
    dataset=dict(
        pipeline=[*load, dict(type='ddas_mm.DDASAugment'), dict(type='PackDetInputs')]
    )
)
train_cfg = dict(
    space=dict(ops=(*_base_.train_cfg.space.ops, 'Invert')),
    policy_dataloader=dict(
        dataset=dict(
            # upright, of digits that S_train does not have
            ann_file='annotations/upright_test.json',
            data_prefix=dict(img='upright_test/'),
            pipeline=[
                *load,
                dict(type='Invert', prob=1.0),  # MMDetection's, not ours
                dict(type='PackDetInputs'),
            ],
        )
    ),
)
del load
