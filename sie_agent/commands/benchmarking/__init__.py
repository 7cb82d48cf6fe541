"""What `sie benchmark` is made of."""
