"""Loop and hook on MMEngine's Runner, gradients, and what a search leaves behind."""

from ddas_mm.engine.hook import DDASHook
from ddas_mm.engine.loop import DDASLoop

__all__ = ['DDASHook', 'DDASLoop']
