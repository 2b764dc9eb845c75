"""The data of a search, built from the settings of a training."""

import copy
import inspect
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from mmengine.dist import get_dist_info
from mmengine.model import BaseDataPreprocessor
from mmengine.registry import DATA_SAMPLERS, DATASETS, FUNCTIONS, TRANSFORMS
from torch.utils.data import BatchSampler, DataLoader

from ddas_mm import errors
from ddas_mm.augment.candidates import CandidateOps
from ddas_mm.config import find_typed, type_name
from ddas_mm.errors import SettingError
from ddas_mm.search.contents import check_images, check_scale
from ddas_mm.search.sampler import EndlessBatchSampler, PolicyBatchSampler
from ddas_mm.search.splits import VAL_DATASET, check_disjoint, choose
from ddas_mm.search.views import (
    Chosen,
    ValidationDataset,
    ViewDataset,
    ViewIndex,
    collate_views,
)


def build_search_datasets(
    train_config: Mapping[str, Any],
    val_config: Mapping[str, Any],
    proxy: Mapping[str, Any],
    ops: CandidateOps,
    seed: int,
    paired: bool = False,
) -> tuple[ViewDataset, ValidationDataset]:
    """Build S_train as views, and S_val.

    Args:
        train_config: ``train_dataloader.dataset`` of the training.
        val_config: ``train_cfg.policy_dataloader.dataset``. Where it sets more than
            the pipeline, S_val is a data set of its own, else a split of the
            training set. Unset keys are as in ``train_config``.
        proxy: ``num_train`` and ``num_val``, the sizes of S_train and S_val, and
            ``seed``, that of their draw. Unset sizes: S_val a third of the training
            set and S_train the rest; all images of a data set of its own. Or
            ``num_classes``, ``train_per_class`` and ``val_per_class``: as many images
            of each of as many classes, drawn by seed. Before all these
            goes ``split_file``, the ``split.json`` of another search.
        ops: The operations of the search space.
        seed: The run's seed, equal on all ranks.
        paired: Whether the steps after DDASAugment draw alike for all views.

    Raises:
        SettingError: If data is missing, too small or in both sets, or a setting
            does not fit a search.
    """
    source = val_source = build_dataset(train_config, 'train_dataloader.dataset')
    if val_config:
        merged = merge_settings(val_config, train_config)
        val_source = build_dataset(merged, VAL_DATASET)
    own = bool(set(val_config) - {'pipeline'})
    chosen = choose(source, val_source, proxy, own)
    parts = (Chosen(source, chosen[0]), Chosen(val_source, chosen[1]))
    if own or proxy.get('split_file') is not None:
        check_disjoint(*parts, VAL_DATASET if own else 'train_cfg.proxy.split_file')
    errors.check_all(
        lambda: check_images(parts[0], 'S_train'),
        lambda: check_images(parts[1], 'S_val'),
    )
    train = ViewDataset(source, chosen[0], ops, seed, paired)
    val = ValidationDataset(val_source, chosen[1], seed, 'pipeline' in val_config)
    check_scale(train, val, own)
    return train, val


def build_dataset(config: Any, name: str) -> Any:
    """Build a data set and read its annotations.

    Args:
        config: Settings of the data set.
        name: Where they stand, for messages.

    Raises:
        SettingError: If files are missing, or no image is left.
    """
    errors.check_value(name, config, dict)
    try:
        dataset = DATASETS.build(copy.deepcopy(config))
        if hasattr(dataset, 'full_init'):
            dataset.full_init()
    except FileNotFoundError as error:
        missing = error.filename or error
        raise SettingError(
            f'{name} finds no {str(missing)!r}; set its data_root, ann_file and '
            'data_prefix (or give --data-root DIR)'
        ) from error
    except (SettingError, ImportError):
        raise
    except Exception as error:  # whatever reading damaged or other files comes to
        # what BaseDataset says when it serialises an empty list
        if 'need at least one array' not in str(error):
            reason = ' '.join(str(error).split()).partition('. ')[0]
            raise SettingError(
                f'{_what_fails(error, config, name)}: {type(error).__name__}: {reason}'
            ) from error
        dataset = []
    if len(dataset) == 0:
        raise SettingError(
            f'{name} holds no image that the model can learn from; check its ann_file, '
            'metainfo.classes and filter_cfg'
        )
    return dataset


def _what_fails(error: BaseException, config: Any, name: str) -> str:
    """Return whether a step of the pipeline or the annotations are at fault."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        held = frame.f_locals
        registry = getattr(held.get('registry'), 'name', None)
        if frame.f_code.co_name == 'build_from_cfg' and registry == TRANSFORMS.name:
            step = type_name(held['cfg'])
            return f'{step!r} of the pipeline of {name} cannot be built'
    files = [str(c['ann_file']) for c in find_typed(config) if c.get('ann_file')]
    return ' '.join([f'{name} cannot be read', *(f'({file})' for file in files)])


def merge_settings(own: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """Return a data set's settings, those it lacks from another of the same type.

    A pipeline alone is for each part of a ConcatDataset, which has none.

    Args:
        own: Its settings.
        base: Those of the other.
    """
    if set(own) == {'pipeline'} and 'datasets' in base:
        parts = [merge_settings(own, part) for part in base['datasets']]
        return {**base, 'datasets': parts}
    same_type = own.get('type', base.get('type')) == base.get('type')
    return {**(base if same_type else {}), **own}


# Settings of mm data loaders that are no arguments of torch's.
MM_SETTINGS = (
    *('dataset', 'sampler', 'batch_sampler', 'batch_size', 'collate_fn'),
    *('drop_last', 'worker_init_fn', 'num_batch_per_epoch'),
)
# Settings that torch refuses without workers.
WORKER_SETTINGS = ('persistent_workers', 'prefetch_factor', 'multiprocessing_context')


def check_loader(name: str, config: Any, needed: Sequence[str] = ()) -> None:
    """Check the settings of a data loader, as far as they are given.

    Args:
        name: Where they stand.
        config: What stands there.
        needed: Settings that must be given.

    Raises:
        SettingError: If a key is not known, or a number is out of range.
    """
    known = {*MM_SETTINGS, *inspect.signature(DataLoader).parameters}
    errors.check_keys(name, config, sorted(known))
    for key, kind in (('batch_size', errors.Size), ('num_workers', errors.Count)):
        if key in config or key in needed:
            errors.check_value(f'{name}.{key}', config.get(key), kind)


def build_view_loader(
    dataset: ViewDataset, config: Mapping[str, Any], num_policies: int, seed: int
) -> DataLoader:
    """Build the loader of S_train: ``views`` and ``policies`` of each mini-batch.

    Args:
        dataset: S_train.
        config: ``train_dataloader``.
        num_policies: L.
        seed: The run's seed, equal on all ranks.
    """
    default = {'type': 'DefaultSampler', 'shuffle': True}
    sampler = _sampler('sampler', config, default, dataset=dataset, seed=seed)
    if not hasattr(sampler, 'epoch') or not hasattr(sampler, 'seed'):
        raise SettingError(
            f'train_dataloader.sampler of type {type(sampler).__name__} knows no '
            "epochs; a search needs one that does, e.g. dict(type='DefaultSampler')"
        )
    default = {'type': BatchSampler, 'drop_last': config.get('drop_last', False)}
    under = {'sampler': sampler, 'batch_size': config['batch_size']}
    batches = _sampler('batch_sampler', config, default, **under)
    shape = len(dataset.ops.space), num_policies, dataset.ops.space.depth
    drawn = PolicyBatchSampler(batches, sampler, *shape)
    return _loader(dataset, drawn, _collate_views(config), config)


AT_ONCE = 8  # candidates per image that is loaded, and so in memory


def build_candidate_loader(
    views: ViewDataset, config: Mapping[str, Any], batches: Sequence[Sequence[int]]
) -> DataLoader:
    """Build the loader of mini-batches as they are and after each candidate alone.

    Args:
        views: S_train, or S_val as views.
        config: ``train_dataloader``.
        batches: Indices of each mini-batch.
    """
    every = [[k] for k in range(len(views.ops.candidates))]
    parts = [every[i : i + AT_ONCE] for i in range(0, len(every), AT_ONCE)]
    asked = [
        [ViewIndex(index, number, part) for index in batch]
        for number, batch in enumerate(batches)  # as an epoch: own draws
        for part in parts
    ]
    once = {**config, 'persistent_workers': False}
    return _loader(views, asked, _collate_views(config), once)


def build_val_loader(
    dataset: ValidationDataset, config: Mapping[str, Any], seed: int
) -> DataLoader:
    """Build the endless loader of S_val.

    Args:
        dataset: S_val.
        config: ``train_cfg.policy_dataloader``, completed by ``train_dataloader``.
        seed: The run's seed, equal on all ranks.

    Raises:
        SettingError: If S_val is smaller than one mini-batch on every rank.
    """
    batch_size = config['batch_size']
    rank, world_size = get_dist_info()
    if len(dataset) < batch_size * world_size:
        raise SettingError(
            f'S_val has {len(dataset)} images, fewer than one mini-batch of '
            f'train_cfg.policy_dataloader.batch_size={batch_size} on each of '
            f'{world_size} processes'
        )
    endless = EndlessBatchSampler(len(dataset), batch_size, seed, rank, world_size)
    # one endless stream: no second start for which workers would be kept
    once = {**config, 'persistent_workers': False}
    return _loader(dataset, endless, _collate(config), once)


def _sampler(
    key: str, config: Mapping[str, Any], default: dict[str, Any], **default_args: Any
) -> Any:
    settings = config.get(key) or default
    try:
        return DATA_SAMPLERS.build(settings, default_args=default_args)
    except (KeyError, TypeError, ValueError) as error:
        reason = str(error.args[0]).partition('. ')[0]
        raise SettingError(
            f'train_dataloader.{key} {settings!r} cannot be built: {reason}'
        ) from error


def _collate(config: Mapping[str, Any]) -> Callable[[list[Any]], Any]:
    collate = config.get('collate_fn', {'type': 'pseudo_collate'})
    if callable(collate):
        return collate
    if not isinstance(collate, Mapping) or 'type' not in collate:
        raise SettingError(f"collate_fn must be a dict with 'type', but is {collate!r}")
    name, settings = collate['type'], {k: v for k, v in collate.items() if k != 'type'}
    function = FUNCTIONS.get(name) if isinstance(name, str) else name
    if function is None:
        raise SettingError(f'collate_fn.type {name!r} is not a known function')
    return partial(function, **settings)


def _collate_views(config: Mapping[str, Any]) -> Callable[[list[Any]], Any]:
    return partial(collate_views, collate=_collate(config))


def _loader(
    dataset: Any, batches: Any, collate: Callable[..., Any], config: Mapping[str, Any]
) -> DataLoader:
    # No worker_init_fn: ViewDataset seeds every sample by itself.
    workers = config.get('num_workers', 0) > 0
    unwanted = MM_SETTINGS if workers else MM_SETTINGS + WORKER_SETTINGS
    # only pinned memory is copied to a GPU beside its work
    settings = {'pin_memory': torch.cuda.is_available(), **config}
    kept = {key: value for key, value in settings.items() if key not in unwanted}
    return DataLoader(dataset, batch_sampler=batches, collate_fn=collate, **kept)


def prefetched(batches: Iterable[Any], device: torch.device) -> Iterator[Any]:
    """Yield the batches; on CUDA, with the next one being copied to the device.

    The copies go on a stream of their own, from the pinned memory that the data
    loaders use there. On other devices batches are yielded as they come.

    Args:
        batches: Batches of tensors and data samples, nested as mm's are.
        device: The network's device.
    """
    if device.type != 'cuda':
        yield from batches
        return
    side = torch.cuda.Stream(device)
    mover = BaseDataPreprocessor(non_blocking=True).to(device)

    main = torch.cuda.current_stream(device)

    def start(batch: Any) -> Any:
        # Waits for the work on batches before: their memory may be taken again.
        side.wait_stream(main)
        with torch.cuda.stream(side):
            return mover.cast_data(batch)

    yield from one_ahead(batches, start, lambda: main.wait_stream(side))


def one_ahead(
    batches: Iterable[Any], start: Callable[[Any], Any], finish: Callable[[], None]
) -> Iterator[Any]:
    """Yield ``start(batch)`` of each batch, with the next one started before.

    Args:
        batches: What to go through.
        start: Begins to work on a batch; returns at once.
        finish: Waits for what was started.
    """
    started = map(start, batches)
    ready = next(started, None)
    while ready is not None:
        finish()
        following = next(started, None)
        yield ready
        ready = following
