"""The data of a derived search: one plain data set, and what S_val passes."""

import copy
from collections.abc import Sequence
from typing import Any

from ddas_mm.config import type_name, walk
from ddas_mm.derive.augment import Step, leaves
from ddas_mm.errors import SettingError
from ddas_mm.outcome.emit import AUGMENT

# Wrappers that show an image more than once per epoch, and change nothing else.
REPEATING = ('RepeatDataset', 'ClassBalancedDataset')
# Steps that need other images than the one they are given.
MIXING = ('Mosaic', 'MixUp', 'CopyPaste', 'CachedMosaic', 'CachedMixUp')
JITTER = 'ColorJitter'  # random, though its name does not say so
SIZE_WORDS = ('Crop', 'Resize', 'Choice', 'Affine', 'Scale', 'Size')


def searchable(dataset: dict[str, Any], changes: list[str]) -> dict[str, Any]:
    """Return the data set as a search can split it: plain, or a ConcatDataset of such.

    Args:
        dataset: The training set, its pipelines marked.
        changes: Receives one line for each change.

    Raises:
        SettingError: If there is a wrapper that a search cannot do without.
    """
    dataset = copy.deepcopy(dict(dataset))
    name = type_name(dataset)
    if name in REPEATING:
        changes.append(f'{name} is left out: a search epoch shows each image once')
        return searchable(dataset['dataset'], changes)
    if name == 'MultiImageMixDataset':
        outer = _outer_steps(dataset['pipeline'], changes)
        changes.append(f'{name} is left out: a search takes image by image')
        inner = searchable(dataset['dataset'], changes)
        for leaf in leaves(inner):
            leaf['pipeline'] = [*leaf['pipeline'], *copy.deepcopy(outer)]
        return inner
    if 'datasets' in dataset:
        dataset['datasets'] = [searchable(p, changes) for p in dataset['datasets']]
    elif 'dataset' in dataset:
        raise SettingError(
            f'a search cannot take the wrapper {name} of train_dataloader.dataset '
            'apart; set train_dataloader.dataset to the data set in it'
        )
    else:
        dataset['pipeline'] = _without_mixing(dataset['pipeline'], changes)
    return dataset


def _without_mixing(pipeline: Sequence[Step], changes: list[str]) -> list[Step]:
    mixing = [type_name(step) for step in pipeline if type_name(step) in MIXING]
    if mixing:
        changes.append(
            f'{", ".join(mixing)} left out of the search: they mix images, '
            'which would mix policies'
        )
    return [step for step in pipeline if type_name(step) not in MIXING]


def _outer_steps(pipeline: Sequence[Step], changes: list[str]) -> list[Step]:
    """Return what a wrapper that mixes images (as YOLOX has) does to a single one."""
    if any(type_name(step) in ('Mosaic', 'CachedMosaic') for step in pipeline):
        # It cuts the image out of a mosaic of twice the size.
        pipeline = [step for step in pipeline if type_name(step) != 'RandomAffine']
        changes.append('RandomAffine is left out with the Mosaic that it cuts out')
    return _without_mixing(pipeline, changes)


def val_pipeline(
    pipeline: Sequence[Step], evaluation: Sequence[Step] | None
) -> list[Step] | None:
    """Return the pipeline of S_val, or None where the loop's own default will do.

    Where random steps give the training images their size, S_val is loaded and packed
    as in training, and brought to size as in evaluation. (The evaluation's pipeline
    itself would not do: it may load boxes after the image has been resized.) Without
    an evaluation, as a self-supervised training has none, crops are the middle ones,
    and the views or masks that its loss needs are drawn once per image.

    Args:
        pipeline: A training pipeline with DDASAugment in it.
        evaluation: The pipeline of ``val_dataloader`` or ``test_dataloader``.
    """
    place = [type_name(step) for step in pipeline].index(AUGMENT)
    tail = pipeline[place + 1 :]
    if not any(map(_sizes_at_random, tail)):
        return None
    fixed = [step for step in pipeline[:place] if 'Random' not in type_name(step)]
    if evaluation is None:
        return fixed + _settled(tail)
    return evaluation_pipeline(pipeline, evaluation)


def evaluation_pipeline(
    pipeline: Sequence[Step], evaluation: Sequence[Step]
) -> list[Step]:
    """Return the steps that load and pack as in training, and resize as in evaluation.

    Args:
        pipeline: A training pipeline with DDASAugment in it.
        evaluation: The pipeline of ``val_dataloader`` or ``test_dataloader``.
    """
    place = [type_name(step) for step in pipeline].index(AUGMENT)
    return [
        *(step for step in pipeline[:place] if 'Random' not in type_name(step)),
        *(step for step in evaluation if _is_plain(type_name(step))),
        *_middle_crop(pipeline[place + 1 :]),
        *(step for step in pipeline if type_name(step).startswith('Pack')),
    ]


def _settled(tail: Sequence[Step]) -> list[Step]:
    """Return steps of a training that give the same for an image whenever it passes."""
    steps: list[Step] = []
    drawn: list[Step] = []  # from the first on that it cannot do without
    packing: list[Step] = []
    for step in tail:
        name = type_name(step)
        if name == 'RandomResizedCrop':  # leaves the largest square, in the middle
            whole = dict.fromkeys(('crop_ratio_range', 'aspect_ratio_range'), (1, 1))
            steps.append({**step, **whole})
        elif name == 'torchvision/RandomCrop':
            steps.append({'type': 'torchvision/CenterCrop', 'size': step['size']})
        elif name.startswith('Pack'):
            packing.append(step)
        elif name.endswith('MaskGenerator') or _sizes_at_random(step):
            drawn.append(step)
        elif 'Random' not in name and name != JITTER:
            (drawn or steps).append(step)
    if drawn:
        steps.append({'type': 'ddas_mm.FixedDraws', 'transforms': drawn})
    return steps + packing


def _middle_crop(tail: Sequence[Step]) -> list[Step]:
    """Return the crop that lets mmseg's preprocessor stack the images of S_val."""
    crops = [step['crop_size'] for step in tail if type_name(step) == 'RandomCrop']
    if not crops or type_name(tail[-1]) != 'PackSegInputs':
        return []
    side = crops[-1]
    height, width = (side, side) if isinstance(side, int) else side
    return [{'type': 'CenterCrop', 'crop_size': (width, height), 'auto_pad': True}]


def _sizes_at_random(step: Step) -> bool:
    """Whether a step, or one that it holds, gives images a random size."""
    names = [type_name(part) for part in walk(step)]
    random = [name for name in names if 'Random' in name]
    return 'Expand' in names or any(w in name for name in random for w in SIZE_WORDS)


def _is_plain(name: str) -> bool:
    return not name.startswith(('Load', 'Pack', 'TestTime')) and 'Random' not in name
