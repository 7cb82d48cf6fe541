"""The figures of a run, from those of its draws."""
