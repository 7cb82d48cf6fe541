"""From what a judge says to a probability of relevance."""
