"""The processes that carry out jobs."""
