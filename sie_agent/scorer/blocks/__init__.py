"""What a scorer reads beside text features and the log's label: a block of inputs each, off unless asked for."""
