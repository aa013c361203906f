"""School year groups and their order."""
