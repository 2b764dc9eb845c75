"""The digits' RetinaNet on blood cells (BCCD), at a quarter of their width and height.

Red cells are about 26 pixels wide there, white ones 32 to 58, platelets 8 to 12:
anchors of 10 to 61 pixels. Shrunk images are what policies act on, so that these take
as long as the network's small size deserves.
"""

_base_ = ['../../configs/retrain/retinanet_r18_digits.py']

model = {
    'bbox_head': {'num_classes': 3, 'anchor_generator': {'octave_base_scale': 1.2}}
}
dataset = {
    'data_root': 'data/bccd/',
    'data_prefix': {'img': 'images/'},
    'metainfo': {'classes': ('RBC', 'WBC', 'Platelets')},
}
load = {'type': 'LoadImageFromFile'}
shrink = {'type': 'Resize', 'scale': (160, 120), 'interpolation': 'area'}
train_dataloader = {
    'dataset': {
        **dataset,
        'ann_file': 'annotations/train.json',
        'pipeline': [
            load,
            {'type': 'LoadAnnotations', 'with_bbox': True},
            shrink,
            {'type': 'ddas_mm.DDASAugment'},
            {'type': 'RandomFlip', 'prob': 0.5},
            {'type': 'PackDetInputs'},
        ],
    }
}
test_dataloader = {
    'dataset': {
        **dataset,
        'ann_file': 'annotations/test.json',
        'pipeline': [load, shrink, _base_.test_pipeline[-1]],
    }
}
test_evaluator = {'ann_file': 'data/bccd/annotations/test.json', 'classwise': True}
optim_wrapper = {
    'optimizer': {'_delete_': True, 'type': 'AdamW', 'lr': 0.001, 'weight_decay': 0.01}
}
del dataset, load, shrink
