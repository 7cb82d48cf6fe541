"""Guesses what the columns of a file are."""
