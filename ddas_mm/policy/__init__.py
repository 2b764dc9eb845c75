"""The paper's mathematics; knows no framework beyond torch, numpy and scipy."""

from ddas_mm.policy.effects import Effects, estimate_effects, select_candidates
from ddas_mm.policy.estimator import alignment, alignment_signal
from ddas_mm.policy.file import (
    policy_from_dict,
    policy_to_dict,
    read_policy,
    write_policy,
)
from ddas_mm.policy.learned import PolicyParams, sample_policies
from ddas_mm.policy.schedule import PolicySchedule
from ddas_mm.policy.space import SearchSpace

__all__ = [
    'Effects',
    'PolicyParams',
    'PolicySchedule',
    'SearchSpace',
    'alignment',
    'alignment_signal',
    'estimate_effects',
    'policy_from_dict',
    'policy_to_dict',
    'read_policy',
    'sample_policies',
    'select_candidates',
    'write_policy',
]
