"""Long work as rows: jobs, their items, their progress."""
