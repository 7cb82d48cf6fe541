"""Few grades, many judgments: what to grade next, and estimates that use both."""
