"""A policy in other libraries' words: text that needs nothing of this package."""

from ddas_mm.export.static import TARGETS, StaticPolicy, export_policy, static_policy

__all__ = ['TARGETS', 'StaticPolicy', 'export_policy', 'static_policy']
