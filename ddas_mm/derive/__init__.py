"""A search from an ordinary training config."""

from ddas_mm.derive.arguments import add_derive_arguments, derive_from_arguments

__all__ = ['add_derive_arguments', 'derive_from_arguments']
