# SVHN, train + extra, with the place where policies act. Neither crop nor flip: the
# paper has Cutout alone (Appendix B.1).
_base_ = ['classification_loaders.py']

data_preprocessor = dict(
    num_classes=10,
    mean=[111.61, 113.16, 120.57],
    std=[50.50, 51.26, 50.24],
    to_rgb=True,
)
train_pipeline = [
    dict(type='ddas_mm.DDASAugment'),  # policies act here
    dict(type='Cutout', shape=16, pad_val=(121, 113, 112), prob=1.0),  # the mean
    dict(type='PackInputs'),
]
train_dataloader = dict(
    dataset=dict(type='ddas_mm.SVHN', data_root='data/svhn', pipeline=train_pipeline),
)
val_dataloader = dict(
    dataset=dict(
        type='ddas_mm.SVHN',
        data_root='data/svhn',
        parts=('test',),
        pipeline=[dict(type='PackInputs')],
    ),
)
test_dataloader = val_dataloader
