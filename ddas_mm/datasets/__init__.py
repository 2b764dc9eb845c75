"""Data sets of the paper that the mm packages lack."""

from ddas_mm.datasets.svhn import SVHN

__all__ = ['SVHN']
