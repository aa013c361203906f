"""Families and other linked accounts."""
