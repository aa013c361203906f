"""All of a patron's data as a file, and its way out."""
