"""The search space: what a policy may be made of (paper Section 3.1)."""

from dataclasses import dataclass, field
from typing import Any

from ddas_mm.errors import SettingError, Size, check_value

Candidate = tuple[str, float | None]


def candidate_label(candidate: Candidate) -> str:
    """Return the printed name of a candidate, e.g. ``Rotate 6`` or ``Equalize``."""
    name, level = candidate
    return name if level is None else f'{name} {level:g}'


@dataclass(frozen=True)
class SearchSpace:
    """Candidate operations ``o_1 .. o_K`` and the policy depth ``N_o``.

    Attributes:
        table: Name of the operation table that the candidates belong to.
        candidates: K pairs of operation name and magnitude level; the level
            is None for an operation that takes no magnitude.
        depth: Operations per policy, ``N_o``.
        constants: Settings of the table that the operations use, by name.

    Raises:
        SettingError: If there is no candidate, one is given twice, or depth < 1.
    """

    table: str
    candidates: tuple[Candidate, ...]
    depth: int = 2
    constants: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.candidates:
            raise SettingError('there is no candidate operation; name at least one')
        if len(set(self.candidates)) != len(self.candidates):
            twice = [c for c in self.candidates if self.candidates.count(c) > 1]
            raise SettingError(
                f'the candidate {candidate_label(twice[0])!r} is named twice'
            )
        check_value('depth (N_o)', self.depth, Size)

    @property
    def labels(self) -> list[str]:
        """Printed names of the K candidates."""
        return [candidate_label(candidate) for candidate in self.candidates]

    def __len__(self) -> int:
        return len(self.candidates)
