"""Trainings that record what DDASAugment did to the images they were fed."""

from pathlib import Path

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel
from mmengine.registry import DATASETS, MODELS, TRANSFORMS
from mmengine.runner import Runner
from torch import nn

from ddas_mm.augment.candidates import build_space
from ddas_mm.policy import PolicySchedule, policy_to_dict

SIZE, BATCH = 24, 4
SPACE = build_space(dict(table='classification', ops=['Invert', 'FlipUD'], depth=1))
# What an operation makes of an image whose two rows are 0 and 10.
KINDS = {(0, 10): 0, (255, 245): 1, (10, 0): 2}


@DATASETS.register_module()
class TellingDataset(BaseDataset):
    """Images that tell what was done to them."""

    def __init__(self, size=SIZE, **kwargs):
        self.size = size
        super().__init__(serialize_data=False, **kwargs)

    def load_data_list(self):
        return [{'img': np.uint8([[[0] * 3], [[10] * 3]])} for _ in range(self.size)]

    def get_cat_ids(self, index):
        return [index % 2]


@TRANSFORMS.register_module()
class PackKind(BaseTransform):
    def transform(self, results):
        kind = KINDS[tuple(results['img'][:, 0, 0].tolist())]
        return {'kind': kind, 'index': results['sample_idx']}


@MODELS.register_module()
class RecordingModel(BaseModel):
    """Keeps the kinds and indices of the mini-batches that it is trained on."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.kinds, self.indices = [], []

    def forward(self, kind, index, mode='tensor'):
        if mode == 'loss':
            self.kinds.append(list(map(int, kind)))
            self.indices.append(list(map(int, index)))
        return {'loss': self.weight.sum()}


def policy_of(*total_probs, op_probs=(0.75, 0.25)):
    snapshots = [(p, np.array(op_probs)) for p in total_probs]
    return policy_to_dict(PolicySchedule.from_snapshots(SPACE, snapshots))


def pipeline_of(*steps):
    return [*steps, dict(type='PackKind')]


def augment(*total_probs, **settings):
    policy = policy_of(*total_probs, **settings)
    return dict(type='ddas_mm.DDASAugment', policy=policy)


def telling(*steps, **settings):
    return dict(type='TellingDataset', pipeline=pipeline_of(*steps), **settings)


EPOCHS = dict(type='EpochBasedTrainLoop', max_epochs=3)


def build(work_dir, dataset, train_cfg=EPOCHS, workers=0, **changes):
    """Build a training; ``loader`` holds further settings of the data loader."""
    loader = dict(
        batch_size=BATCH,
        num_workers=workers,
        persistent_workers=workers > 0,
        sampler=dict(type='DefaultSampler', shuffle=True),
        dataset=dataset,
    )
    loader.update(changes.pop('loader', {}))
    settings = dict(
        model=dict(type='RecordingModel'),
        train_dataloader=loader,
        train_cfg=train_cfg,
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        custom_hooks=[dict(type='ddas_mm.DDASHook')],
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=1),
            logger=dict(type='LoggerHook', interval=1),
        ),
        randomness=dict(seed=3),
        work_dir=str(work_dir),
        experiment_name=f'replay_{abs(hash(str(work_dir)))}_{len(Runners.names)}',
    )
    Runners.names.append(settings['experiment_name'])
    settings.update(changes)
    return Runner(**settings)


class Runners:
    """MMEngine wants a name of its own for every runner of a process."""

    names: list[str] = []


def train(work_dir, dataset, train_cfg=EPOCHS, workers=0, **changes):
    """Train; return the recording model and the log."""
    runner = build(work_dir, dataset, train_cfg, workers, **changes)
    runner.train()
    end_workers(runner.train_loop)
    return runner.model, log_of(runner)


def end_workers(loop):
    """End persistent workers; the garbage collector would wait 5 s for each."""
    loop.dataloader._iterator = None
    if hasattr(loop, 'dataloader_iterator'):
        loop.dataloader_iterator._iterator = None


def log_of(runner):
    (path,) = Path(runner.log_dir).glob('*.log')
    return path.read_text()


def by_epoch(model, epochs):
    """Return (epochs, images) kinds."""
    return np.concatenate(model.kinds).reshape(epochs, -1)
