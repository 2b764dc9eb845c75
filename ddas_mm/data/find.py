"""Finding DDASAugment in the pipeline that really runs."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Iterable
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import torch

from ddas_mm.data.augment import DDASAugment

LARGEST = 1000  # a container with more entries is data, not a part of a pipeline
NO_PARTS = (str, bytes, type, ModuleType, np.ndarray, torch.Tensor)


def find_augments(root: Any) -> list[DDASAugment]:
    """Return every DDASAugment below a data set, whatever wraps it.

    Python's garbage collector knows what an object refers to, so that wrappers and
    nested pipelines need not be known here, nor their attributes be named.
    """
    found, queue, seen = [], deque([root]), {id(root)}
    while queue:
        value = queue.popleft()
        if isinstance(value, DDASAugment):
            found.append(value)
            continue
        for part in _parts(value):
            if id(part) not in seen:
                seen.add(id(part))
                queue.append(part)
    return found


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, NO_PARTS):
        return ()
    if isinstance(value, FunctionType):  # not its globals: they are everything
        return (*(value.__closure__ or ()), *(value.__defaults__ or ()))
    if isinstance(value, (list, tuple, dict, set)) and len(value) > LARGEST:
        return ()
    if isinstance(value, (list, tuple)):
        return value  # in its order, which the collector reverses
    return gc.get_referents(value)
