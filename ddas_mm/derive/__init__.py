"""A search from an ordinary training config."""
