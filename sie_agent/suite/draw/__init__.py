"""One draw of a suite: its log, judges, scorer and what they do to the ranker."""
