"""A toy search for tools/search.py that draws random numbers and kills itself."""

import json
import os
import signal
import time

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.registry import HOOKS, MODELS

from tests import toy
from tests.ranks import run_tool

EPOCHS, STEPS = 6, 5
SETTINGS = {
    'train_cfg.max_epochs': EPOCHS,
    'model.type': 'RandomToyModel',
    'train_cfg.proxy.num_train': 2 * STEPS,
    'train_cfg.proxy.num_val': 14,  # epochs begin in the middle of a pass over S_val
    'custom_imports': dict(imports=['tests.killable']),
    'default_hooks.checkpoint': dict(
        type='CheckpointHook', interval=1, max_keep_ckpts=3
    ),
    'log_level': 'INFO',
}
MOMENTS = ('before_train_iter', 'after_train_iter', 'before_save_checkpoint')


@MODELS.register_module()
class RandomToyModel(toy.ToyModel):
    """Draws from the global generators of torch and numpy in its loss."""

    def forward(self, inputs, labels, mode='tensor'):
        noise = torch.rand(inputs.shape) + np.random.rand()  # noqa: NPY002
        return super().forward(inputs + 20 * noise, labels, mode)


@HOOKS.register_module()
class KillHook(Hook):
    """Kills its process, without a last word, at a moment that the test chose."""

    priority = 'HIGHEST'

    def __init__(self):
        self.step, self.moment = json.loads(os.environ.get('KILL', '[0, ""]'))

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.kill_at(runner.iter, 'before_train_iter')

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.kill_at(runner.iter, 'after_train_iter')

    def before_save_checkpoint(self, runner, checkpoint):
        if runner.iter > self.step and self.moment == 'before_save_checkpoint':
            path = os.path.join(runner.work_dir, f'epoch_{runner.epoch + 1}.pth')
            with open(path, 'wb') as file:
                file.write(b'PK\x03\x04 half of a file')
        self.kill_at(runner.iter - 1, 'before_save_checkpoint')

    def after_train(self, runner):
        self.kill_at(runner.iter, 'after_train')

    def kill_at(self, done, moment):
        if done >= self.step and moment == self.moment:
            os.kill(os.getpid(), signal.SIGKILL)


@HOOKS.register_module()
class PauseHook(Hook):
    """Stands still before a step that the test chose, until it is told to end."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        step, rank = json.loads(os.environ.get('PAUSE', '[-1, 0]'))
        if (runner.iter, runner.rank) == (step, rank):
            # in one piece: print may write the end of the line by itself
            os.write(1, b'paused\n')
            time.sleep(60)


def write_config(folder, workers=0, ranks=1, seed=3, **changes):
    folder.mkdir(parents=True)
    config = toy.search_config(folder / 'work', **SETTINGS, **changes)
    config.randomness = dict(seed=seed)
    config.train_dataloader.num_workers = workers
    config.train_dataloader.persistent_workers = workers > 0
    config.train_dataloader.batch_size = 2 // ranks
    config.train_cfg.policy_dataloader.batch_size = 2 // ranks
    config.custom_hooks += [dict(type='KillHook'), dict(type='PauseHook')]
    config.dump(folder / 'search.py')
    return str(folder / 'search.py')


def killed_search(config, step, moment, rank):
    if int(os.environ['RANK']) == rank:
        os.environ['KILL'] = json.dumps([step, moment])
    return run_tool('search', config, '--resume')
