# Shake-Shake 26 2x96d (Gastaldi, 2017).
model = dict(
    type='ImageClassifier',
    backbone=dict(type='ddas_mm.ShakeShake', depth=26, base_channels=96),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=10,
        in_channels=384,
        loss=dict(type='CrossEntropyLoss', loss_weight=1.0),
    ),
)
