"""The search: Algorithm 1 as a train loop, its data and its gradients."""

from ddas_mm.search.loop import DDASLoop

__all__ = ['DDASLoop']
