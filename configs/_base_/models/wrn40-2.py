# WRN-40-2 (Zagoruyko and Komodakis, 2016).
model = dict(
    type='ImageClassifier',
    backbone=dict(type='ddas_mm.WideResNet', depth=40, width=2),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=10,
        in_channels=128,
        loss=dict(type='CrossEntropyLoss', loss_weight=1.0),
    ),
)
