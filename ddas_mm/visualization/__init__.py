"""Pictures of what a search has found."""

from ddas_mm.visualization.plots import plot_policy

__all__ = ['plot_policy']
