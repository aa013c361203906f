"""The end of a school year: everybody moves to the next cohort, once, and back if it was too early."""
