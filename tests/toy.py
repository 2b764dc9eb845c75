"""A small classification problem on MMEngine alone: data set, model, configs."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseDataPreprocessor, BaseModel
from mmengine.registry import DATASETS, METRICS, MODELS, TRANSFORMS
from mmengine.runner import Runner
from torch import nn

SIDE, CLASSES = 8, 3
NO_MMSEG = 'mmseg is not installed; tools/setup_env.sh does it with DDAS_OPTIONAL=1'
NO_MMROTATE = NO_MMSEG.replace('mmseg', 'mmrotate')


def shared_path(*parts: str) -> Path:
    """Path below the shared folder; the test is skipped where it is not there."""
    root = Path(os.environ.get('DDAS_SHARED', Path(__file__).parents[2] / 'shared'))
    path = root.joinpath(*parts)
    if not path.exists():
        pytest.skip(f'{path} is not there; set DDAS_SHARED to the shared folder')
    return path


@DATASETS.register_module()
class ToyDataset(BaseDataset):
    """Images whose class is the channel that is bright; drawn from a seed."""

    def __init__(self, size: int = 24, seed: int = 0, **kwargs) -> None:
        self.size, self.seed = size, seed
        super().__init__(**kwargs)

    def load_data_list(self) -> list[dict]:
        rng = np.random.default_rng(self.seed)
        images = rng.integers(0, 120, (self.size, SIDE, SIDE, 3), dtype=np.uint8)
        labels = np.arange(self.size) % CLASSES
        for image, label in zip(images, labels, strict=True):
            image[: SIDE // 2, :, label] += 120
        return [
            {'img': image, 'gt_label': int(label)}
            for image, label in zip(images, labels, strict=True)
        ]


@TRANSFORMS.register_module()
class ToyFlip(BaseTransform):
    """A random step behind DDASAugment, which draws from numpy's global stream."""

    _methods_with_randomness = ('transform',)

    def transform(self, results: dict) -> dict:
        if np.random.rand() < 0.5:  # noqa: NPY002  as mm's own steps do
            results['img'] = np.ascontiguousarray(results['img'][:, ::-1])
        return results


@TRANSFORMS.register_module()
class ToyInvert(BaseTransform):
    def transform(self, results: dict) -> dict:
        return {**results, 'img': 255 - results['img']}


@TRANSFORMS.register_module()
class ToyPack(BaseTransform):
    def transform(self, results: dict) -> dict:
        image = torch.from_numpy(np.array(results['img'])).permute(2, 0, 1)
        return {'inputs': image, 'labels': results['gt_label']}


@MODELS.register_module()
class ToyModel(BaseModel):
    """A convolution, optionally batch norm, and a linear head."""

    def __init__(self, norm: bool = True, dtype: str = 'float32') -> None:
        super().__init__(BaseDataPreprocessor())
        self.conv = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(4) if norm else nn.Identity()
        self.head = nn.Linear(4 * (SIDE // 2) ** 2, CLASSES)
        self.unused = nn.Parameter(torch.zeros(2))
        self.to(getattr(torch, dtype))

    def forward(self, inputs, labels, mode='tensor'):
        x = inputs.to(self.head.weight) / 255
        x = torch.tanh(self.norm(self.conv(x))).flatten(1)
        return {'loss': nn.functional.cross_entropy(self.head(x), labels)}


@METRICS.register_module()
class ToyAccuracy(BaseMetric):
    def process(self, data_batch, data_samples):
        self.results += data_samples

    def compute_metrics(self, results):
        right = np.mean([found == label for found, label in results])
        return {'accuracy/top1': 100 * right, 'first': results[0][0]}


@MODELS.register_module()
class ToyClassifier(ToyModel):
    """Predicts, keeps what is no part of its state, and draws."""

    def __init__(self, drop: float = 0.5) -> None:
        super().__init__()
        self.seen, self.drop = [], drop

    def forward(self, inputs, labels, mode='tensor'):
        if mode == 'loss':
            self.seen.append(inputs.clone())
        x = inputs.to(self.head.weight) / 255
        x = nn.functional.dropout(x, self.drop, self.training)
        x = torch.tanh(self.norm(self.conv(x))).flatten(1)
        if mode == 'predict':
            found = self.head(x).argmax(1).tolist()
            return list(zip(found, labels.tolist(), strict=True))
        return {'loss': nn.functional.cross_entropy(self.head(x), labels)}


OPS = ('Identity', 'Invert', 'Rotate', 'Brightness', 'FlipUD')


def search_config(work_dir: Path, **changes) -> Config:
    """A search on the toy problem; changes as in --cfg-options."""
    pipeline = [
        dict(type='ddas_mm.DDASAugment'),
        dict(type='ToyFlip'),
        dict(type='ToyPack'),
    ]
    config = Config(
        dict(
            model=dict(type='ToyModel'),
            train_dataloader=dict(
                batch_size=4,
                num_workers=0,
                collate_fn=dict(type='default_collate'),
                sampler=dict(type='DefaultSampler', shuffle=True),
                dataset=dict(type='ToyDataset', pipeline=pipeline),
            ),
            train_cfg=dict(
                type='ddas_mm.DDASLoop',
                max_epochs=2,
                proxy=dict(num_train=12, num_val=8, seed=1),
                space=dict(table='classification', ops=OPS, levels=(6,), depth=2),
                num_policies=3,
                total_prob=0.5,
                total_lr=0.05,
                op_lr=0.05,
                policy_dataloader=dict(batch_size=4),
            ),
            optim_wrapper=dict(
                type='OptimWrapper',
                optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-2),
            ),
            custom_hooks=[dict(type='ddas_mm.DDASHook', smooth=2)],
            default_hooks=dict(logger=dict(type='LoggerHook', interval=1)),
            randomness=dict(seed=3),
            work_dir=str(work_dir),
            experiment_name=f'toy_{abs(hash(str(work_dir)))}',
            log_level='WARNING',
        )
    )
    config.merge_from_dict(changes)
    return config


def training_config(work_dir: Path, **changes) -> Config:
    """The config of a training that is evaluated on images of its own."""
    config = search_config(work_dir)
    config.model = dict(type='ToyClassifier')
    config.train_cfg = dict(by_epoch=True, max_epochs=8)
    config.custom_hooks = []
    del config.train_dataloader.dataset.pipeline[0]
    val = dict(type='ToyDataset', seed=5, size=20, pipeline=[dict(type='ToyPack')])
    config.val_dataloader = dict(
        batch_size=8,
        num_workers=0,
        collate_fn=dict(type='default_collate'),
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=val,
    )
    config.val_cfg, config.val_evaluator = dict(), dict(type='ToyAccuracy')
    config.merge_from_dict(changes)
    return config


def build_runner(work_dir: Path, **changes) -> Runner:
    return Runner.from_cfg(search_config(work_dir, **changes))
