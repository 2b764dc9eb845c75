"""A small detection data set, to be spoiled."""

import json
from typing import ClassVar

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.registry import TRANSFORMS

from tests import toy

H, W, COUNT = 24, 32, 8


@TRANSFORMS.register_module()
class ToyDetPack(BaseTransform):
    """The image in the toy network's size; the number of boxes for a class."""

    seen: ClassVar[list[tuple[np.ndarray, np.ndarray]]] = []  # images and boxes

    def transform(self, results: dict) -> dict:
        self.seen.append((results['img'], results['gt_bboxes'].tensor.numpy()))
        image = np.atleast_3d(cv2.resize(results['img'], (toy.SIDE, toy.SIDE)))
        label = min(len(results['gt_bboxes']), toy.CLASSES - 1)
        return {'inputs': torch.from_numpy(image).permute(2, 0, 1), 'labels': label}


def image_of(index, channels=3, dtype=np.uint8):
    shape = (H, W, channels) if channels > 1 else (H, W)
    rng = np.random.default_rng(index)
    return rng.integers(0, np.iinfo(dtype).max, shape, dtype)


class Coco:
    """A small data set in COCO's format, to be spoiled."""

    def __init__(self, folder):
        self.folder, self.changes = folder, {}
        (folder / 'images').mkdir(parents=True)
        names = [f'{index}.png' for index in range(COUNT)]
        for index, name in enumerate(names):
            cv2.imwrite(str(folder / 'images' / name), image_of(index))
        self.data = {
            'images': [
                {'id': i, 'file_name': name, 'width': W, 'height': H}
                for i, name in enumerate(names)
            ],
            'categories': [{'id': 1, 'name': 'thing'}],
            'annotations': [self.box(i, [4, 4, 10, 8]) for i in range(COUNT)],
        }

    def box(self, image, bbox):
        area = bbox[2] * bbox[3]
        one = {'id': image + 1, 'image_id': image, 'category_id': 1, 'iscrowd': 0}
        return {**one, 'bbox': bbox, 'area': area}

    def image(self, index):
        return self.folder / 'images' / f'{index}.png'

    def boxes(self, bbox):
        self.data['annotations'] = [self.box(i, bbox) for i in range(COUNT)]

    def settings(self):
        """The data set's settings; writes the annotations if no test has."""
        path = self.folder / 'annotations.json'
        if not path.exists():
            path.write_text(json.dumps(self.data))
        files = dict(data_root=str(self.folder), ann_file='annotations.json')
        return dict(
            type='mmdet.CocoDataset',
            data_prefix=dict(img='images/'),
            metainfo=dict(classes=('thing',)),
            filter_cfg=dict(filter_empty_gt=True),
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='mmdet.LoadAnnotations', with_bbox=True),
                dict(type='ddas_mm.DDASAugment'),
                dict(type='ToyDetPack'),
            ],
            **{**files, **self.changes},
        )
