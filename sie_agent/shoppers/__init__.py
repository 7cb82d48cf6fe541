"""What shoppers did before a row: features of behaviour, point in time."""
