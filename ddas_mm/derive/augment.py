"""Where policies act: DDASAugment put into the pipelines of a training config."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config

from ddas_mm.config import find_typed, type_name, walk
from ddas_mm.errors import SettingError
from ddas_mm.outcome.emit import AUGMENT

Step = Mapping[str, Any]
MARK = {'type': f'ddas_mm.{AUGMENT}'}


def mark_pipeline(pipeline: Sequence[Step], where: str) -> list[Step]:
    """Return the pipeline with DDASAugment behind its last loading step.

    Data sets that hold arrays have no such step: it then comes first. Where the
    pipeline has a DDASAugment already, it stays there, without a policy.

    Args:
        pipeline: Steps, as in a config.
        where: What has this pipeline, for the message.

    Raises:
        SettingError: If images are loaded inside another step.
    """
    names = [type_name(step) for step in pipeline]
    if AUGMENT in names:
        place = names.index(AUGMENT)
        return [*pipeline[:place], dict(MARK), *pipeline[place + 1 :]]
    loading = [i for i, name in enumerate(names) if name.startswith('Load')]
    if not loading:
        for step, name in zip(pipeline, names, strict=True):
            if _loads(step):
                raise SettingError(
                    f'{where} loads its images inside {name}, where DDASAugment cannot '
                    "be put by itself; put dict(type='ddas_mm.DDASAugment') behind the "
                    'loading steps and write the search config by hand'
                )
    place = max(loading, default=-1) + 1
    return [*pipeline[:place], dict(MARK), *pipeline[place:]]


def _loads(steps: Any) -> bool:
    return any(type_name(step).startswith('Load') for step in find_typed(steps))


def leaves(dataset: Any) -> Iterator[Any]:
    """Yield the settings of the data sets below all wrappers, which may be changed."""
    if not (dataset.get('datasets') or dataset.get('dataset')):
        yield dataset
        return
    for part in dataset.get('datasets') or [dataset['dataset']]:
        yield from leaves(part)


def leaf_of(dataset: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the (first) data set below all wrappers."""
    return next(leaves(dataset))


def mark_training(training: Config) -> Config:
    """Return the training config with DDASAugment where policies act.

    That is behind the loading steps of every pipeline that the training uses, those
    that hooks switch to included.

    Raises:
        SettingError: If there is no pipeline, or none that can be marked.
    """
    config = copy.deepcopy(training)
    loader = config.get('train_dataloader')
    dataset = loader.get('dataset') if isinstance(loader, Mapping) else None
    if not isinstance(dataset, Mapping):
        raise SettingError(
            f'{training.filename!r} is no training config: it has no train_dataloader '
            'with a data set'
        )
    where = 'train_dataloader.dataset'
    before = repr(leaf_of(dataset).get('pipeline'))  # == fails with arrays
    for leaf in leaves(dataset):
        if not leaf.get('pipeline'):
            raise SettingError(f'{where} of type {type_name(leaf)!r} has no pipeline')
        leaf['pipeline'] = mark_pipeline(leaf['pipeline'], where)
    for name, value in config.items():
        # train_pipeline, where the config names it so
        if isinstance(value, list) and repr(value) == before:
            config[name] = copy.deepcopy(leaf_of(dataset)['pipeline'])
    for hook in list(walk(config.get('custom_hooks') or [])):
        for key in ('pipeline', 'switch_pipeline'):
            if _loads(hook.get(key)):
                hook[key] = mark_pipeline(hook[key], f'custom_hooks: {key}')
    return config
