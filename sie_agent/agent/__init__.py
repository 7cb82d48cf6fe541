"""The agent for hard cases: it looks things up, asks again with the evidence, or hands over."""
