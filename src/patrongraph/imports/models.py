"""What kinds of files an import understands."""

from enum import StrEnum


class ImportFormat(StrEnum):
    """How a file of patrons is written."""

    STATUS = "STATUS"
    PATRONS = "PATRONS"
    FOLIO = "FOLIO"
    KOHA = "KOHA"
    EVERGREEN = "EVERGREEN"
