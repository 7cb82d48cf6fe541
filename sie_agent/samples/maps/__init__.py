"""Column maps: from a table of any shape to the columns of the schema."""
