"""Libraries and branches: the tenants and their policy."""
