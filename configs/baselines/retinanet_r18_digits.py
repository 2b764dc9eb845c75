# The same training without augmentation.
_base_ = ['../_base_/retinanet_r18_digits.py', '../_base_/schedule_digits.py']

train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations', with_bbox=True),
            dict(type='PackDetInputs'),
        ]
    )
)
