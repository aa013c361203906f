"""PatronGraph: the patron data lifecycle for libraries."""

__version__ = "0.1.0"
