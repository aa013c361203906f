"""The compiled read path: a selection becomes one SQL statement."""
