"""CSV files of patrons: STATUS, PATRONS, KOHA and EVERGREEN differ in what their columns are called."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import BinaryIO

from patrongraph.imports.formats.evergreen import EVERGREEN
from patrongraph.imports.formats.header import Header, read_header
from patrongraph.imports.formats.koha import KOHA
from patrongraph.imports.formats.names import PATRONS, STATUS, Dialect, normal
from patrongraph.imports.formats.rows import Row, Rows, row_of
from patrongraph.imports.formats.source import FileOptions, Source
from patrongraph.imports.formats.spelling import SPELLINGS
from patrongraph.imports.formats.text import Encoding, Utf8
from patrongraph.imports.models import ImportFormat

DIALECTS: Mapping[ImportFormat, Dialect] = {
    ImportFormat.STATUS: STATUS,
    ImportFormat.PATRONS: PATRONS,
    ImportFormat.KOHA: KOHA,
    ImportFormat.EVERGREEN: EVERGREEN,
}
# Changes the cells of a good row in place.
Change = Callable[[list[str | None]], None]


def open_csv(
    file: BinaryIO, encoding: Encoding, file_format: ImportFormat, mapping: Mapping[str, str], name: str
) -> Source:
    """Open a CSV file. Raises UnreadableFile when its first line does not name the columns that are needed."""
    dialect = DIALECTS[file_format]
    header = read_header(Utf8(file, encoding), encoding, dialect, mapping, name)
    changes = _changes(header, dialect)

    def rows() -> Iterator[Row]:
        body = Utf8(file, encoding, skip=header.offset)
        found = Rows(
            body.read,
            header.columns,
            header.delimiter,
            row_of,
            first_line=header.first_line,
            forgiving=True,
            encoding=encoding.label,
        )
        return iter(found) if not changes and not header.secrets else _changed(found, header, changes)

    notes = (*encoding.notes, *header.notes)
    fields = tuple(header.fields)
    return Source(file_format, header.columns, fields, notes, encoding.name, FileOptions(), rows)


def _changed(rows: Rows[Row], header: Header, changes: list[Change]) -> Iterator[Row]:
    for row in rows:
        if row.wrong is None:
            for change in changes:
                change(row.cells)
        elif header.secrets:
            # In a row that could not be told into cells a password may be anywhere.
            yield replace(row, cells=[None] * len(header.columns))
            continue
        for place in header.secrets:
            row.cells[place] = None
        yield row


def _changes(header: Header, dialect: Dialect) -> list[Change]:
    """Return what turns another system's row into ours."""
    changes: list[Change] = []
    for meaning, places in header.columns_of.items():
        if meaning in dialect.parts and len(places) > 1:
            changes.append(_put_together(header, dialect, meaning))
        elif meaning in dialect.first_filled and len(places) > 1:
            changes.append(_first_filled(places))
        if dialect.respelled and meaning in SPELLINGS:
            changes.append(_respelled(places[0], SPELLINGS[meaning]))
    return changes


def _first_filled(places: list[int]) -> Change:
    carrier, others = places[0], places[1:]

    def change(cells: list[str | None]) -> None:
        if not (cells[carrier] or "").strip():
            for place in others:
                if (cells[place] or "").strip():
                    # Moved, not copied: a row that is imported again says the same again.
                    cells[carrier], cells[place] = cells[place], ""
                    return

    return change


def _put_together(header: Header, dialect: Dialect, meaning: str) -> Change:
    places = header.columns_of[meaning]
    names = {normal(header.columns[place]): place for place in places}
    groups = [[names[normal(part)] for part in group if normal(part) in names] for group in dialect.parts[meaning]]

    def change(cells: list[str | None]) -> None:
        lines = [" ".join(filter(None, ((cells[place] or "").strip() for place in group))) for group in groups]
        for place in places[1:]:
            cells[place] = ""
        cells[places[0]] = ", ".join(filter(None, lines))

    return change


def _respelled(place: int, spell: Callable[[str], str]) -> Change:
    def change(cells: list[str | None]) -> None:
        text = cells[place]
        if text:
            cells[place] = spell(text)

    return change
