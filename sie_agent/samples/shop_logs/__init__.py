"""Logs as shops keep them: one row an event, an impression or a history; rows of samples come of them."""
