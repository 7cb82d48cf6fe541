"""Rows that cannot be used: found, counted, listed in a file."""
