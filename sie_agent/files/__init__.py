"""Atomic writers, notes of what made a file, and bounded readers for files of unknown origin."""
