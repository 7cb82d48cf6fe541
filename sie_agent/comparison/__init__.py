"""Prompt variants and judges compared on the same pairs: figures, tests, the decision."""
