"""Selective judging: who settles which pair, with a guarantee on what was settled."""
