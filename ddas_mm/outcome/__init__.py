"""What a search leaves: configs, record, report, pictures."""

from ddas_mm.outcome.plots import plot_policy

__all__ = ['plot_policy']
