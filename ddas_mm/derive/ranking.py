"""The data of a training as a ranking of augmentations takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mmengine.config import Config

from ddas_mm.config import find_dicts, type_name
from ddas_mm.derive.augment import leaf_of, mark_training
from ddas_mm.derive.data import evaluation_pipeline
from ddas_mm.derive.plan import fitted_plan
from ddas_mm.derive.schedule import PAPER
from ddas_mm.derive.search import derive_search
from ddas_mm.errors import SettingError
from ddas_mm.outcome.emit import AUGMENT
from ddas_mm.policy import PolicySchedule, policy_to_dict
from ddas_mm.search.data import merge_settings


def derive_ranking(training: Config, space: str) -> Config:
    """Return the search whose S_train is what a training learns from.

    Its S_val is what the training is evaluated on, images that the trained network
    has not seen.

    Args:
        training: The training config; left as it is.
        space: Name of the search space, or ``'auto'``.

    Raises:
        SettingError: If there is no ``val_dataloader``, or the data has no search.
    """
    loader = training.get('val_dataloader')
    if not isinstance(loader, Mapping) or not loader.get('dataset'):
        raise SettingError(
            f'there is no S_val: {training.filename!r} has no val_dataloader with a '
            'data set, whose images the checkpoint was not trained on; add it, or give '
            'a search config whose S_val it was not trained on'
        )
    marked = mark_training(training)
    # nothing is trained: neither length, rates nor order of images matter
    marked.train_cfg, marked.param_scheduler = {'max_epochs': 1}, None
    marked.optim_wrapper = {'optimizer': {'type': 'SGD', 'lr': 0.0}}
    marked.train_dataloader.pop('sampler', None)
    plan = fitted_plan(marked, space)
    # all levels: there is no search whose steps would be too few for them
    paper = replace(PAPER[plan.space], scale=plan.scale, why=plan.why)
    search = derive_search(marked, paper, '')
    train, val = search.train_dataloader.dataset, loader['dataset']
    pipeline = evaluation_pipeline(leaf_of(train)['pipeline'], leaf_of(val)['pipeline'])
    own = merge_settings({'pipeline': pipeline}, val)
    if 'indices' in train and type_name(train) == type_name(val):
        own.setdefault('indices', None)  # S_val takes what it lacks from S_train
    search.train_cfg.policy_dataloader = {'batch_size': 1, 'dataset': own}
    search.train_cfg.proxy = {}
    return search


def derive_finetuning(training: Config, schedule: PolicySchedule) -> Config:
    """Return a training with a policy in its pipeline, for its data and evaluation.

    Hooks are left out: they belong to a whole training, as an average of weights does.

    Args:
        training: The training config; left as it is.
        schedule: The policy.
    """
    config = mark_training(training)
    for step in find_dicts(config.train_dataloader, AUGMENT):
        step['policy'] = policy_to_dict(schedule)
    config.default_hooks = {'logger': None, 'checkpoint': None}
    config.custom_hooks = None
    return config
