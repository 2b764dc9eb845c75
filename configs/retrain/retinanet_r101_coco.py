# RetinaNet R101-FPN on all of COCO with a searched policy (DDAS paper, Section 4.4).
# A search puts its policy in here.
_base_ = ['retinanet_r50_coco.py']

model = dict(backbone=dict(depth=101))
