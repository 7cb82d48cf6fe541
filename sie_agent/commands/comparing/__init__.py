"""What `sie compare-prompts` is made of."""
