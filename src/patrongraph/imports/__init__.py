"""Bringing a library in."""
