"""The tools of ``sie mcp``: what each takes, what it answers, and the bounds on both."""
