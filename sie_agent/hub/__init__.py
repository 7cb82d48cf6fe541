"""Scorers and labels published on the Hugging Face Hub."""
