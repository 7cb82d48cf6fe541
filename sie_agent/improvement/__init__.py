"""Prompts that get better: proposals, trials, acceptance."""
