"""Turns a snapshot's CSV file into COPY's bytes in constant memory.

Beside the six names because it is the one place between a file's rows and COPY. Every row of the file leaves
as one row for COPY that starts with its line number; a row that cannot be read leaves as its number, a column
and a reason. A snapshot is UTF-8 and exact: it comes from a program, so what formats/ forgives spreadsheets
is an error here.
"""

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from patrongraph.imports.formats.rows import LONGEST_LINE, Row, Rows
from patrongraph.imports.formats.text import UnreadableFile as UnreadableFile
from patrongraph.imports.layout import File
from patrongraph.imports.models import FileReason

ROWS_OF_A_BLOCK = 5_000
STAGED = ("line", "bad_column", "bad_reason")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a file: its columns as the import knows them, in the file's order."""

    path: Path
    file: File
    columns: tuple[str, ...]
    delimiter: str
    body_offset: int
    first_line: int

    @property
    def known(self) -> tuple[str, ...]:
        """The columns that the import reads, in the file's order."""
        return tuple(name for name in self.columns if name in self.file.column_names)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The columns that the import passes over."""
        return tuple(name for name in self.columns if name and name not in self.file.column_names)


def read_header(path: Path, file: File) -> Header | None:
    """Read the first line; None for an empty file. Raises UnreadableFile naming what is wrong with it."""
    try:
        with path.open("rb") as stream:
            first = stream.readline(LONGEST_LINE)
            offset = stream.tell()
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be read: {error.strerror}.", FileReason.UNREADABLE) from None
    if first.startswith(_UTF16):
        raise UnreadableFile(f"{path.name} is UTF-16; save it as UTF-8.", FileReason.ENCODING)
    try:
        text = first.removeprefix(codecs.BOM_UTF8).decode("utf-8").strip("\r\n")
    except UnicodeDecodeError:
        words = f"{path.name} line 1 is not UTF-8; save the file as UTF-8."
        raise UnreadableFile(words, FileReason.ENCODING) from None
    if not text.strip():
        if path.stat().st_size > offset:
            raise UnreadableFile(f"{path.name} line 1 is empty; it must name the columns.", FileReason.NO_HEADER)
        return None
    if "\r" in text or "\0" in text:
        words = f"{path.name} is not a CSV file with lines that end in LF or CRLF."
        raise UnreadableFile(words, FileReason.NOT_THE_FORMAT)
    delimiter = ";" if ";" in text and "," not in text else ","
    columns = tuple(name.strip().lower() for name in next(csv.reader([text], delimiter=delimiter)))
    _check_columns(path.name, file, columns)
    return Header(path, file, columns, delimiter, offset, 2)


def _check_columns(file_name: str, file: File, columns: Collection[str]) -> None:
    missing = file.missing(columns)
    if missing:
        word = "column" if len(missing) == 1 else "columns"
        raise UnreadableFile(
            f"{file_name} lacks the {word} {', '.join(missing)}; its first line must name them. "
            f"It may have: {', '.join(file.column_names)}.",
            FileReason.COLUMN_MISSING,
            missing,
        )
    twice = sorted({name for name in columns if name and list(columns).count(name) > 1})
    if twice:
        words = f"{file_name} names the column {', '.join(twice)} twice; each may be there once."
        raise UnreadableFile(words, FileReason.COLUMN_TWICE, twice)


def copy_columns(header: Header) -> list[str]:
    """Return the columns of the staging table in the order in which copy_blocks writes them."""
    return [*STAGED, *header.known]


class RowCopier:
    """Reads one file into COPY blocks; `bytes_read` tells how far it is."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.bytes_read = header.body_offset
        wanted = [place for place, name in enumerate(header.columns) if name in header.known]
        self._wanted = None if len(wanted) == len(header.columns) else wanted
        self._prefix = "%d" + header.delimiter * 3 + "%s\n"
        # COPY takes a quote within a cell for the beginning of a quoted part; only the csv module does not.
        cell = rf'(?:"(?:[^"]|"")*+"|[^"{header.delimiter}]*+)'
        self._same_for_copy = re.compile(cell + (header.delimiter + cell) * (len(header.columns) - 1)).fullmatch

    def blocks(self) -> Iterator[bytes]:
        """Yield the rows as CSV for COPY with the header's delimiter, in blocks of ROWS_OF_A_BLOCK."""
        header = self.header
        with header.path.open("rb") as stream:
            stream.seek(header.body_offset)
            rows = iter(
                Rows(
                    stream.read,
                    header.columns,
                    header.delimiter,
                    self._copied,
                    first_line=header.first_line,
                    forgiving=False,
                )
            )
            while some := list(islice(rows, ROWS_OF_A_BLOCK)):
                self.bytes_read = stream.tell()
                yield "".join(self._written(row) if isinstance(row, Row) else row for row in some).encode()

    def _copied(self, number: int, raw: str, cells: list[str]) -> str:
        line = raw.rstrip("\r\n")
        if "\r" in line:
            cells = [cell.replace("\r\n", "\n") for cell in cells]
        elif self._wanted is None and ('"' not in line or self._same_for_copy(line)):
            return self._prefix % (number, line)
        return self._written(Row(number, [*cells]))

    def _written(self, row: Row) -> str:
        target = io.StringIO(newline="")
        cells = row.cells if self._wanted is None else [row.cells[place] for place in self._wanted]
        kept = cells if row.wrong is None else [""] * len(cells)
        writer = csv.writer(target, delimiter=self.header.delimiter, lineterminator="\n")
        writer.writerow([row.line, row.column, row.wrong, *kept])
        return target.getvalue()
