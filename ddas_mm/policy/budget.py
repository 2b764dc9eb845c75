"""What a search can tell apart, known before its first step."""

import math
from dataclasses import dataclass

from scipy.stats import norm

# Standard deviation of ``r`` (see ``effects``) of one draw, whose mean size is one: of
# normal values, and with many policies per step; with three it is 1.15.
SPREAD = math.sqrt(math.pi / 2)
ALPHA, POWER = 0.05, 0.8
LARGE = 0.5  # of a step's mean size; of 293 candidates of 9 real searches 20 had more


@dataclass(frozen=True)
class Budget:
    """How often a search tries each candidate, and what shows then.

    Attributes:
        steps: Steps of the search, T.
        candidates: Candidates of its space, K.
        num_policies: Policies per step, L.
        depth: Operations per policy, N_o.
    """

    steps: int
    candidates: int
    num_policies: int
    depth: int

    @property
    def draws(self) -> float:
        """Expected draws of each candidate, ``T L N_o / K``."""
        return self.steps * self.num_policies * self.depth / self.candidates

    @property
    def detectable(self) -> float:
        """The effect that is told apart with a probability of 80 %.

        In units of a step's mean ``|d_l|``. The standard error is ``SPREAD`` over the
        root of the draws, also where policies hold several operations, whose effects
        are fitted together; Holm's correction begins at ``alpha / K``.
        """
        sigmas = norm.isf(ALPHA / (2 * self.candidates)) + norm.ppf(POWER)
        return float(sigmas * SPREAD / math.sqrt(self.draws))

    @property
    def suffices(self) -> bool:
        """Whether other than very large effects will show."""
        return self.detectable <= LARGE

    def __str__(self) -> str:
        draws = f'{self.draws:.0f} draws per candidate'
        size = (
            f'effects of {self.detectable:.2f} and more (1 is the mean size of the '
            f"policies' effects) will be told apart with {POWER:.0%} probability"
        )
        if self.suffices:
            return f'{draws}: {size}'
        return (
            f'{draws}: only very large effects will show; fewer candidates '
            '(train_cfg.space.levels), more epochs, smaller mini-batches or more '
            f'policies per step (train_cfg.num_policies) are needed: {size}'
        )
