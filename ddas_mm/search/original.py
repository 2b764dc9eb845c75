"""S_val as original: what draws random numbers, in its pipeline or on mini-batches.

Names do not tell, so a few images pass each step several times.
"""

import copy
import io
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import mmcv.transforms
import mmengine.dataset
import numpy as np
import torch

from ddas_mm.augment.transform import DDASAugment
from ddas_mm.errors import SettingError
from ddas_mm.randomness import PROBE, generator_states, generators_kept, seed_generators

# Of 4 images, a step that acts on one in ten escapes one time in 900.
RUNS = 16
LOADING = (mmcv.transforms.LoadImageFromFile, mmcv.transforms.LoadAnnotations)
SEQUENCES = (mmengine.dataset.Compose, mmcv.transforms.Compose)
Step = Callable[[Any], Any]


@generators_kept()
def without_random_steps(
    pipeline: Any, samples: Sequence[Any]
) -> tuple[list[list[Step]], list[str]]:
    """Return what is left of each step of a pipeline, and the names of random ones.

    Of DDASAugment and random steps nothing is left. Where a wrapper holds random steps,
    only these are taken out of it.

    Args:
        pipeline: A Compose; left as it is.
        samples: What its first step is given of a few images, to try the steps on.
    """
    kept, names = [], []
    for step in pipeline.transforms:
        settled = [] if isinstance(step, DDASAugment) else [step]
        if settled and is_random(step, samples):
            settled = _without_random_parts(step, samples)
            wrapped = getattr(step, 't', step)  # of torchvision
            names.append(type(wrapped).__name__)
        for part in settled:  # images that it gives nothing for are gone
            samples = [made for made in map(part, samples) if made is not None]
        kept.append(settled)
    return kept, names


def is_random(step: Step, samples: Sequence[Any]) -> bool:
    """Return whether a step is random, as far as a few samples tell.

    It makes something else of them each time, or draws random numbers, but leaves the
    images as they are: others, or other draws, might be changed.
    """
    if isinstance(step, LOADING):  # to read a large file takes longest
        return False
    return varies(step, samples) or _hides(step, samples)


def varies(step: Step, samples: Sequence[Any]) -> bool:
    """Return whether a step makes something else of a sample each time.

    Every run begins with other global generators; those of the step's own, as
    albumentations has them, go on by themselves.
    """
    first: list[bytes] = []
    for run in range(RUNS):
        seed_generators(PROBE, run)
        made = [content_of(step(copy.deepcopy(sample))) for sample in samples]
        first = first or made
        if made != first:
            return True
    return False


def _hides(step: Step, samples: Sequence[Any]) -> bool:
    state = content_of(generator_states())
    made = [step(copy.deepcopy(sample)) or sample for sample in samples]
    old, new = ([sample.get('img') for sample in part] for part in (samples, made))
    stay = content_of(old) == content_of(new)
    return stay and (_draws(step) or content_of(generator_states()) != state)


def content_of(value: Any) -> bytes:
    """Return bytes that are equal for values that hold the same."""
    buffer = io.BytesIO()
    pickler = _ByContent(buffer)
    pickler.fast = True  # whether two parts are one object does not matter
    pickler.dump(value)
    return buffer.getvalue()


class _ByContent(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):  # it would be pickled with its address
            flat = value.detach().cpu().flatten()
            content = flat.view(torch.uint8).numpy().tobytes() if len(flat) else b''
            return tuple, ((str(value.dtype), tuple(value.shape), content),)
        return NotImplemented


def _draws(step: Step) -> bool:
    return bool(getattr(step, '_methods_with_randomness', None))  # mmcv's mark


def _without_random_parts(step: Step, samples: Sequence[Any]) -> list[Step]:
    """Return a copy of a wrapper without what is random in it, or nothing."""
    root: list[Step] = []

    def fails() -> bool:
        try:
            return is_random(root[0], samples)
        except Exception:  # it cannot do without some of its parts
            return True

    _fill(root, [copy.deepcopy(step)], fails)
    while root and fails():  # a part that acts rarely had escaped
        _fill(root, [root.pop()], fails)
    return root


def _fill(parts: list[Step], candidates: list[Step], fails: Callable[[], bool]) -> None:
    """Put into a list, and into lists within, the parts that leave all as it was."""
    for part in candidates:
        # where a wrapper draws itself which parts to run, each of them may act rarely
        inner = [] if _draws(part) else _part_lists(part)
        held = [list(each) for each in inner]
        for each in inner:
            each.clear()
        parts.append(part)
        if fails():
            parts.pop()
            continue
        for each, content in zip(inner, held, strict=True):
            _fill(each, content, fails)


def _part_lists(step: Any) -> list[list[Step]]:
    """Return the lists of steps that a wrapper holds, each once.

    Wrappers of mm, torchvision and albumentations keep theirs as ``transforms``.
    """
    found: dict[int, list[Step]] = {}
    for holder in (step, *getattr(step, '__dict__', {}).values()):
        parts = getattr(holder, 'transforms', None)
        if isinstance(parts, list) and parts:
            to_choose = all(isinstance(part, SEQUENCES) for part in parts)
            lists = [part.transforms for part in parts] if to_choose else [parts]
            found.update({id(each): each for each in lists})
    return list(found.values())


def telling_images(
    dataset: Any, count: int, indices: Sequence[int] | None = None
) -> list[int]:
    """Return a few images to try on, such with instances, of all shapes there are."""
    indices = range(len(dataset)) if indices is None else indices
    infos = {index: dataset.get_data_info(index) for index in indices}
    rich = [i for i in indices if infos[i].get('instances', True)] or list(indices)
    rich.sort(key=lambda i: infos[i].get('width', 1) / infos[i].get('height', 1))
    places = np.linspace(0, len(rich) - 1, min(count, len(rich))).astype(int)
    return [rich[place] for place in places]


FEW = 8  # images whose sizes are compared


def drop_batch_augments(module: Any) -> list[str]:
    """Take out what mixes, resizes or pads mini-batches; return the names of it.

    mm's preprocessors do so in every training step, to S_val as well, whose images a
    padding to the size of S_train's crops would cut.
    """
    dropped: list[str] = []
    for part in module.modules():
        held: Any = getattr(part, 'batch_augments', None)
        steps = [step for step in getattr(held, 'augments', held) or () if step]
        if not steps:
            continue
        dropped += [type(step).__name__ for step in steps]
        if hasattr(held, 'augments'):  # mmpretrain's; its losses may need soft labels
            held.augments, held.probs = [None], None
            head = getattr(module, 'head', None)
            part.num_classes = getattr(head, 'num_classes', part.num_classes)
        else:
            part.batch_augments = None
    return dropped


@generators_kept()
def check_val_batches(module: Any, loader: Any) -> None:
    """Check that images of S_val can be put together, and always give the same.

    Raises:
        SettingError: If they have sizes that cannot be stacked, or the preprocessor
            draws random numbers.
    """
    count = FEW if loader.batch_sampler.batch_size > 1 else 1
    samples = [loader.dataset[i] for i in telling_images(loader.dataset, count)]

    def preprocess(some: list[Any]) -> Any:
        return module.data_preprocessor(loader.collate_fn(some), True)

    try:
        preprocess(copy.deepcopy(samples))
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
    if varies(preprocess, [samples[:2]]):
        raise SettingError(
            f'model.data_preprocessor of type {type(module.data_preprocessor).__name__}'
            ' changes mini-batches at random, those of S_val too, which is kept as '
            'original; take its augmentation out of the search'
        )
