"""Whether data and network fit each other, seen before the first step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner

from ddas_mm.data.views import ViewIndex, generators_kept
from ddas_mm.engine.loop import DDASLoop
from ddas_mm.errors import SettingError

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
        heads = [
            (module.num_classes, name)
            for name, module in runner.model.named_modules()
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
    labels = [one.get('bbox_label', -1) for one in info.get('instances') or ()]
    return max([-1, *labels, *np.atleast_1d(info.get('gt_label', -1)).tolist()])


def _packed(sample: Any) -> int:
    """Return the largest label of a sample as the network gets it, -1 without any."""
    packed = sample.get('data_samples')
    instances = getattr(packed, 'gt_instances', None)
    found = getattr(packed, 'gt_label', getattr(instances, 'labels', ()))
    return max([-1, *np.asarray(found).reshape(-1).tolist()])
