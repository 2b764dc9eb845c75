"""A policy in the terms of other libraries."""

from ddas_mm.export.static import export_policy, static_policy
from ddas_mm.export.targets import TARGETS

__all__ = ['TARGETS', 'export_policy', 'static_policy']
