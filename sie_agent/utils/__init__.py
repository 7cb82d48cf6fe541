"""Helpers that every stage uses and no stage owns: progress, events, threads, extras."""
