"""Connections before the application is asked: bounds, deadlines and places."""
