"""Prompt variants: read, checked, and filled in with texts that cannot give orders."""
