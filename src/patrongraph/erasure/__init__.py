"""Purge: obstacles, erasure and its proof."""
