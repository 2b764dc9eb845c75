"""Sizes and rates of a search, by default the paper's."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class SearchPlan:
    """Sizes and rates of a search.

    Attributes:
        space: Name of the search space.
        num_train: Size of S_train.
        num_val: Size of S_val.
        epochs: Search epochs, ``T_max``.
        num_policies: Policies sampled per step, ``L``.
        total_lr: Adam's learning rate for ``alpha_tp``.
        op_lr: Adam's learning rate for ``alpha_o``.
        smooth: Size ``F_s`` of the mean filter over ``p_tp``.
        val_batch: Mini-batch of S_val; None for that of the training.
        processes: Number of processes that search together.
    """

    space: str
    num_train: int
    num_val: int
    epochs: int
    num_policies: int
    total_lr: float
    op_lr: float
    smooth: int
    val_batch: int | None = None
    processes: int = 1


_CIFAR = SearchPlan('cifar', 5000, 5000, 20, 3, 0.001, 0.005, 2, 256)
PAPER = {
    'coco': SearchPlan('coco', 3000, 1500, 30, 3, 0.001, 0.001, 6),
    'imagenet': SearchPlan('imagenet', 6000, 2400, 40, 2, 0.002, 0.003, 6, 64),
    'cifar': _CIFAR,
    'svhn': replace(_CIFAR, space='svhn', num_train=3000, num_val=3000),
}
"""The paper's settings (Section 4 and Appendix C) of each space."""


def fitted_sizes(
    paper: SearchPlan, size: int, num_train: int | None, num_val: int | None
) -> tuple[int, int]:
    """Return the sizes of S_train and S_val where one of them or both are not given.

    They are the paper's; of a training set that is smaller a third is S_val, and the
    rest S_train.

    Args:
        paper: The space's settings.
        size: Images of the training set.
        num_train: Size of S_train, where it is given.
        num_val: Size of S_val, where it is given.
    """
    if num_train is None and num_val is None:
        enough = size >= paper.num_train + paper.num_val
        num_val = paper.num_val if enough else max(size // 3, 1)
    if num_val is None:
        num_val = min(paper.num_val, max(size - num_train, 1))
    if num_train is None:
        num_train = min(paper.num_train, max(size - num_val, 1))
    return num_train, num_val
