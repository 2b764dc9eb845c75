"""The result of a search: a policy for every part of a training (Section 3.5.4)."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.special import entr

from ddas_mm.errors import SettingError
from ddas_mm.policy.space import SearchSpace


def smooth_total_prob(
    total_prob: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    """Return ``p_tp`` through a mean filter of size ``F_s``, edges held.

    Args:
        total_prob: (T,) raw ``p_tp`` after each search epoch.
        size: Filter size ``F_s`` in epochs, at least 1.

    Returns:
        (T,) smoothed ``p_tp`` (Algorithm 1, line 17).
    """
    raw = np.asarray(total_prob, dtype=np.float64)
    return np.asarray(uniform_filter1d(raw, size=size, mode='nearest'))


@dataclass(frozen=True)
class PolicySchedule:
    """``p_tp`` and ``p_o`` of every search epoch.

    Attributes:
        space: Candidates, depth and constants that the rows refer to.
        total_prob: (T,) smoothed ``p_tp``.
        total_prob_raw: (T,) ``p_tp`` as searched.
        op_probs: (T, K) ``p_o``, not smoothed.
        search: How the policy was found (configuration, cost, versions, ...).
    """

    space: SearchSpace
    total_prob: NDArray[np.float64]
    total_prob_raw: NDArray[np.float64]
    op_probs: NDArray[np.float64]
    search: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_snapshots(
        cls,
        space: SearchSpace,
        snapshots: Sequence[tuple[float, NDArray[np.float64]]],
        smooth: int = 1,
        search: dict[str, Any] | None = None,
    ) -> 'PolicySchedule':
        """Build the schedule from ``(p_tp, p_o)`` after each search epoch.

        Args:
            space: The search space.
            snapshots: T pairs of ``p_tp`` and (K,) ``p_o``.
            smooth: Size ``F_s`` of the mean filter over ``p_tp``.
            search: How the policy was found.
        """
        raw = np.array([total for total, _ in snapshots], dtype=np.float64)
        op_probs = np.array([probs for _, probs in snapshots], dtype=np.float64)
        return cls(space, smooth_total_prob(raw, smooth), raw, op_probs, search or {})

    @classmethod
    def uniform(cls, space: SearchSpace, total_prob: float) -> 'PolicySchedule':
        """Build the schedule of one row that prefers no candidate: no search at all.

        Args:
            space: The search space.
            total_prob: ``p_tp``, in [0, 1].
        """
        return cls.from_snapshots(
            space, [(total_prob, np.full(len(space), 1 / len(space)))]
        )

    def held(self, *, total_prob: bool, op_probs: bool) -> 'PolicySchedule':
        """Return the schedule with its last values in every row (paper Table 6).

        Args:
            total_prob: Whether ``p_tp`` is held.
            op_probs: Whether ``p_o`` is held; both give a schedule of one row.
        """
        rows = 1 if total_prob and op_probs else len(self)
        names = ['total_prob', 'total_prob_raw'] if total_prob else []
        names += ['op_probs'] if op_probs else []
        last: dict[str, Any] = {name: getattr(self, name)[-1:] for name in names}
        return replace(self, **{k: v.repeat(rows, axis=0) for k, v in last.items()})

    def __post_init__(self) -> None:
        rows, width = len(self.total_prob), len(self.space)
        if rows == 0:
            raise SettingError('a policy needs at least one row, but has none')
        for name, shape in (('total_prob_raw', (rows,)), ('op_probs', (rows, width))):
            found = getattr(self, name).shape
            if found != shape:
                raise SettingError(
                    f'{name} must be of shape {shape}, as total_prob has {rows} rows '
                    f'and there are {width} candidates, but is of shape {found}'
                )

    def __len__(self) -> int:
        """T, the number of rows."""
        return len(self.total_prob)

    def row_index(self, step: int, steps: int) -> int:
        """Return the row that is nearest to the middle of a training's step.

        Args:
            step: Epoch or iteration, counted from 0; later ones than the last count
                as the last (workers fetch ahead).
            steps: How many the training has.
        """
        return min((2 * step + 1) * len(self) // (2 * steps), len(self) - 1)

    def draw(self, index: int, rng: np.random.Generator) -> list[int]:
        """Draw the candidates for one image, in the order of application.

        Args:
            index: The row, counted from 0 (or from the end if negative).
            rng: Source of randomness.

        Returns:
            ``N_o`` candidate indices, or none where the image is left alone.
        """
        if rng.random() >= self.total_prob[index]:
            return []
        cumulative = np.cumsum(self.op_probs[index])
        drawn = rng.random(self.space.depth) * cumulative[-1]
        candidates: list[int] = np.searchsorted(cumulative, drawn, 'right').tolist()
        return candidates

    @property
    def entropy(self) -> NDArray[np.float64]:
        """(T,) entropy of each row's ``p_o`` in nats."""
        return np.asarray(entr(self.op_probs).sum(axis=1))

    def ranking(self, index: int = -1) -> list[int]:
        """Return the candidates' indices by probability in a row, best first."""
        ranked: list[int] = np.argsort(-self.op_probs[index], kind='stable').tolist()
        return ranked

    def top(self, index: int, count: int = 3) -> list[tuple[str, float]]:
        """Return the most probable candidates of a row, best first.

        Returns:
            Pairs of printed name and probability.
        """
        labels, probs = self.space.labels, self.op_probs[index].tolist()
        return [(labels[k], probs[k]) for k in self.ranking(index)[:count]]
