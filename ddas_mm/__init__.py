"""Direct Differentiable Augmentation Search for OpenMMLab."""

__version__ = '0.1.0'  # setup.py reads it here
