"""Direct Differentiable Augmentation Search for OpenMMLab."""

from ddas_mm.version import __version__

__all__ = ['__version__']
