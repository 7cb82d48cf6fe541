"""Connections before a request reaches the application: bounds, deadlines and admission."""
