"""What becomes of mini-batches of S_val in the network's data preprocessor."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn
from torch.utils.data import DataLoader

from ddas_mm.errors import SettingError
from ddas_mm.randomness import PROBE, generators_kept, seed_generators
from ddas_mm.search.original import content_of
from ddas_mm.search.views import telling_images

FIXED = 'BatchFixedSizePad'  # the batch augmentation that is not random


FEW = 8  # images whose sizes are compared


RUNS = 4  # of what acts, if at all, in every mini-batch


def drop_batch_augments(module: nn.Module) -> list[str]:
    """Take out what mixes or resizes mini-batches; return the names of it.

    mm's preprocessors do so in every training step, to S_val as well.
    """
    dropped: list[str] = []
    for part in module.modules():
        held: Any = getattr(part, 'batch_augments', None)
        steps = [step for step in getattr(held, 'augments', held) or () if step]
        kept = [step for step in steps if type(step).__name__ == FIXED]
        if len(kept) == len(steps):
            continue
        dropped += [type(step).__name__ for step in steps if step not in kept]
        if hasattr(held, 'augments'):  # mmpretrain's; its losses may need soft labels
            held.augments, held.probs = [None], None
            head = getattr(module, 'head', None)
            part.num_classes = getattr(head, 'num_classes', part.num_classes)
        else:
            part.batch_augments = nn.ModuleList(kept) if kept else None
    return dropped


@generators_kept()
def check_val_batches(module: nn.Module, loader: DataLoader) -> None:
    """Check that images of S_val can be put together, and always give the same.

    Raises:
        SettingError: If they have sizes that cannot be stacked, or the preprocessor
            draws random numbers.
    """
    dataset = loader.dataset
    several = loader.batch_sampler.batch_size > 1
    indices = telling_images(dataset, range(len(dataset)), FEW if several else 1)
    samples = [dataset[i] for i in indices]
    if several:
        _check_sizes(module, loader, samples)
    made = set()
    for run in range(RUNS):
        seed_generators(PROBE, run)
        made.add(content_of(_preprocessed(module, loader, samples[:2])))
    if len(made) > 1:
        raise SettingError(
            f'model.data_preprocessor of type {type(module.data_preprocessor).__name__}'
            ' changes mini-batches at random, those of S_val too, which is kept as '
            'original; take its augmentation out of the search'
        )


def _preprocessed(module: Any, loader: DataLoader, samples: list[Any]) -> Any:
    batch = loader.collate_fn(copy.deepcopy(samples))
    return module.data_preprocessor(batch, True)


def _check_sizes(module: Any, loader: DataLoader, samples: list[Any]) -> None:
    try:
        _preprocessed(module, loader, samples)
    except RuntimeError as error:
        if 'equal size' not in str(error):
            raise
        inputs = (sample['inputs'] for sample in samples)
        sizes = sorted({f'{image.shape[-1]} x {image.shape[-2]}' for image in inputs})
        raise SettingError(
            'the images of S_val reach the network in sizes that cannot be stacked '
            f'({", ".join(sizes)}); set train_cfg.policy_dataloader.batch_size=1, or '
            'train_cfg.policy_dataloader.dataset.pipeline to steps that give one size'
        ) from error
