"""Which pairs to judge when not all can be."""
