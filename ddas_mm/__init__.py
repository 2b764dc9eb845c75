"""Direct Differentiable Augmentation Search for OpenMMLab."""

__version__ = '0.2.0'
