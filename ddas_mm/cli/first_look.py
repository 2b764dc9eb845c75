"""Whether data and network fit each other, seen before the first step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from ddas_mm.errors import SettingError
from ddas_mm.randomness import generators_kept
from ddas_mm.search.loop import DDASLoop
from ddas_mm.search.views import ViewIndex

TRIED = 10  # images of a label that is too large; their boxes may be cropped away


class FirstLook(Hook):
    """Refuses data with labels that the network's heads have no place for.

    They would end a run in the middle, on a GPU without a name, or be taken for the
    background. What counts are the labels that leave the pipeline, which may replace
    those of the annotations.
    """

    def before_train(self, runner: Runner) -> None:
        """Load an image of a search, and look for labels beyond the heads' classes.

        Raises:
            SettingError: With the head, the class and the data set.
        """
        model = runner.model
        model = model.module if is_model_wrapper(model) else model
        heads = [
            (module.num_classes, name)
            for name, module in model.named_modules()
            if 'Head' in type(module).__name__
            and isinstance(getattr(module, 'num_classes', None), int)
        ]
        search = isinstance(runner.train_loop, DDASLoop)
        with generators_kept():
            for name, dataset, load in _sets(runner.train_loop):
                if search:
                    load(0)  # an error tells its step here, but not from a worker
                # a training's large set is looked through where it is suspicious
                named = len(_classes(dataset))
                if heads and (search or not 0 < named <= max(heads)[0]):
                    _check_labels(name, dataset, load, *max(heads))


def _check_labels(
    name: str, dataset: Any, load: Callable[[int], Any], number: int, head: str
) -> None:
    labels = map(_annotated, map(dataset.get_data_info, range(len(dataset))))
    large = [index for index, label in enumerate(labels) if label >= number]
    label = max((_packed(load(index)) for index in large[:TRIED]), default=-1)
    if label >= number:
        classes = _classes(dataset)
        known = f' ({classes[label]!r})' if label < len(classes) else ''
        raise SettingError(
            f'{name} has the label {label}{known}, but model.{head}.num_classes is '
            f"{number}; set it to the number of the data's classes"
        )


def _sets(loop: Any) -> Iterator[tuple[str, Any, Callable[[int], Any]]]:
    """Yield name, data set, and how to load an image, of what a run learns from."""
    train = loop.dataloader.dataset
    if not isinstance(loop, DDASLoop):
        if hasattr(train, 'get_data_info'):
            yield 'train_dataloader.dataset', train, train.__getitem__
        return
    yield 'S_train', train, lambda index: train[ViewIndex(index, 0, [])][1][0]
    yield 'S_val', loop.val_loader.dataset, loop.val_loader.dataset.__getitem__


def _classes(dataset: Any) -> Sequence[str]:
    return getattr(dataset, 'metainfo', {}).get('classes') or ()


def _annotated(info: dict[str, Any]) -> int:
    boxes = [_largest(one.get('bbox_label')) for one in info.get('instances') or ()]
    return max([_largest(info.get('gt_label')), *boxes])


def _packed(sample: Any) -> int:
    """Return the largest label of a sample as the network gets it, -1 without any."""
    packed = sample.get('data_samples') if isinstance(sample, Mapping) else None
    labels = getattr(getattr(packed, 'gt_instances', None), 'labels', None)
    return max(_largest(labels), _largest(getattr(packed, 'gt_label', None)))


def _largest(labels: Any) -> int:
    """Return the largest of whole numbers; -1 of what is none, as a dict of tasks."""
    values = np.asarray(labels)
    return int(values.max()) if values.size and values.dtype.kind in 'iu' else -1
