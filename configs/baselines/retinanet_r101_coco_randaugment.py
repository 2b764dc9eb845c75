# RandAugment's rule on the operations of Zoph et al., with a deeper network.
_base_ = ['retinanet_r50_coco_randaugment.py']

model = dict(backbone=dict(depth=101))
