"""Opens a file of patrons in any format that an import understands; what is in formats/ stays behind this door."""

from collections.abc import Mapping
from typing import BinaryIO

from patrongraph.imports.formats.csv_source import open_csv
from patrongraph.imports.formats.folio import open_folio
from patrongraph.imports.formats.rows import Row as Row
from patrongraph.imports.formats.source import FileOptions as FileOptions
from patrongraph.imports.formats.source import Source as Source
from patrongraph.imports.formats.text import UnreadableFile as UnreadableFile
from patrongraph.imports.formats.text import detect
from patrongraph.imports.models import ImportFormat

_NO_MAPPING: Mapping[str, str] = {}


def open_source(
    file: BinaryIO, format: ImportFormat, mapping: Mapping[str, str] = _NO_MAPPING, name: str = "the file"
) -> Source:
    """Look at a seekable file and return its columns and rows. It must stay open while rows are read.

    `mapping` says what columns of a CSV file mean, by field of layout.PEOPLE; an empty text passes a column
    over. `name` is what messages call the file. Raises UnreadableFile, which names the place and what would
    be right, when nothing of the file can be read.
    """
    encoding = detect(file, name)
    if format is ImportFormat.FOLIO:
        return open_folio(file, encoding, mapping, name)
    return open_csv(file, encoding, format, mapping, name)
