"""Patrons, their cards, addresses, PINs and blocks."""
