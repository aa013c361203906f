"""The first line of a CSV file: how its cells are separated, and which column means what."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from patrongraph.imports.formats.names import Dialect, is_secret, normal
from patrongraph.imports.formats.rows import LONGEST_LINE, MOST_LINES_OF_A_ROW
from patrongraph.imports.formats.text import Encoding, UnreadableFile, Utf8
from patrongraph.imports.models import FileReason, ImportNoteCode
from patrongraph.imports.notes import Note, of_columns, short

DELIMITERS = (",", ";", "\t")
_SEP = re.compile(r"\ufeff?\"?sep=([^\w\s\"]|\t)\"?\s*", re.IGNORECASE)


@dataclass(slots=True)
class Header:
    """What a file's first line says.

    `fields` has what each column means, None when it is passed over; `secrets` the places of passwords.
    `offset` is where the rows begin, in bytes of UTF-8, and `first_line` their first line. `columns_of` has
    the places of each field's columns, the one that carries it first.
    """

    columns: tuple[str, ...]
    delimiter: str
    offset: int
    first_line: int
    fields: list[str | None] = field(default_factory=list)
    secrets: list[int] = field(default_factory=list)
    columns_of: dict[str, list[int]] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


def read_header(stream: Utf8, encoding: Encoding, dialect: Dialect, mapping: Mapping[str, str], name: str) -> Header:
    """Read the names of the columns and what they mean. Raises UnreadableFile that says what is wrong with them."""
    beginning = _Beginning(stream, encoding)
    lines, place = beginning.lines, 0
    delimiters: Sequence[str] = DELIMITERS
    if lines and (found := _SEP.fullmatch(lines[0])):
        place, delimiters = 1, (found[1],)
    while place < len(lines) and not lines[place].strip():
        place += 1
    if place == len(lines):
        raise UnreadableFile(f"{name} {beginning.then}", beginning.reason, (), beginning.limit)
    known = {normal(column) for columns in dialect.names.values() for column in columns} | set(map(normal, mapping))
    where = f"{name} line {place + 1}"
    cells, delimiter, taken = _cells(lines[place : place + MOST_LINES_OF_A_ROW], delimiters, known, where)
    columns = [cell.replace("\ufeff", "").strip() for cell in cells]
    while columns and not columns[-1]:
        columns.pop()
    if not columns:
        raise UnreadableFile(f"{where} is nothing but delimiters; it must name the columns.", FileReason.NO_HEADER)
    if any("\0" in column for column in columns):
        raise UnreadableFile(f"{where} holds a NUL character; save the file as CSV in UTF-8.", FileReason.ENCODING)
    body = place + taken
    header = Header(tuple(columns), delimiter, len("".join(lines[:body]).encode()), body + 1)
    _Meanings(header, dialect, name).find(mapping)
    if beginning.whole and not any(line.strip() for line in lines[body:]):
        header.notes.append(Note(ImportNoteCode.NO_ROWS))
    return header


class _Beginning:
    """The first lines, as many as a header may have, at most a mebibyte; `then` says what is wrong with the next.

    `reason` and `limit` say the same to programs. `whole`: there is no next.
    """

    def __init__(self, stream: Utf8, encoding: Encoding) -> None:
        head, block = b"", stream.read()
        while block and len(head) <= LONGEST_LINE and not _holds_header(head):
            head += block
            block = stream.read()
        self.whole = not block
        self.then = "has no line that names the columns."
        self.reason, self.limit = FileReason.NO_HEADER, None
        try:
            text = head.decode()
        except UnicodeDecodeError as error:
            # Rows that are no text are rejected later, one by one.
            text, self.whole = head[: error.start].decode(), False
        self.lines = io.StringIO(text, newline="").readlines()
        if not self.whole:
            if self.lines and not self.lines[-1].endswith("\n"):
                self.lines.pop()
            number = len(self.lines) + 1
            if len(text.encode()) > LONGEST_LINE - 4:
                self.then = f"line {number} is longer than {LONGEST_LINE} bytes; it must name the columns."
                self.reason, self.limit = FileReason.TOO_LONG, LONGEST_LINE
            else:
                self.then = f"line {number} is not {encoding.label}; save the file as UTF-8."
                self.reason = FileReason.ENCODING


def _holds_header(head: bytes) -> bool:
    lines = head.lstrip()
    return lines.count(b"\n") + lines.count(b"\r") > 4 * MOST_LINES_OF_A_ROW


def _cells(lines: Sequence[str], delimiters: Sequence[str], known: set[str], where: str) -> tuple[list[str], str, int]:
    """Return the header's cells, its delimiter and how many lines it takes: that which makes the most known names."""
    best: tuple[tuple[int, int], list[str], str, int] | None = None
    for delimiter in [each for each in delimiters if each in lines[0]] or delimiters[:1]:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            cells = next(reader)
        except csv.Error:
            continue
        score = (sum(normal(cell) in known for cell in cells), len(cells))
        if best is None or score > best[0]:
            best = (score, cells, delimiter, reader.line_num)
    if best is None:
        words = f"{where} has a quote in the wrong place; it must name the columns."
        raise UnreadableFile(words, FileReason.BAD_QUOTE)
    return best[1:]


class _Meanings:
    """Finds what each column means: by the mapping, else by its name."""

    def __init__(self, header: Header, dialect: Dialect, name: str) -> None:
        self._header = header
        self._dialect = dialect
        self._name = name
        self._meant: dict[str, list[int]] = {}
        self._left_out: set[int] = set()
        header.fields = [None] * len(header.columns)

    def find(self, mapping: Mapping[str, str]) -> None:
        """Fill in the header. Raises UnreadableFile."""
        self._apply(mapping)
        self._recognise()
        self._check_needed()
        header = self._header
        for meaning, places in self._meant.items():
            header.fields[places[0]] = meaning
        header.columns_of = self._meant
        self._note()

    def _apply(self, mapping: Mapping[str, str]) -> None:
        for column, meaning in mapping.items():
            place = self._place(column, meaning)
            if not meaning:
                self._left_out.add(place)
                continue
            if meaning not in self._dialect.fields:
                raise UnreadableFile(
                    f'The mapping of "{column}" names "{short(meaning)}", which is no field; fields are'
                    f" {', '.join(self._dialect.fields)}.",
                    FileReason.MAPPING,
                    [column],
                )
            if is_secret(self._header.columns[place]):
                words = f'The mapping names the column "{column}"; PINs and passwords are not imported.'
                raise UnreadableFile(words, FileReason.MAPPING, [column])
            if meaning in self._meant:
                first = self._header.columns[self._meant[meaning][0]]
                words = f'The mapping says "{first}" and "{column}" are both {meaning}; keep one of them.'
                raise UnreadableFile(words, FileReason.MAPPING, [first, column])
            if any(place in places for places in self._meant.values()):
                words = f'The mapping names the column "{column}" twice; each may be there once.'
                raise UnreadableFile(words, FileReason.MAPPING, [column])
            self._meant[meaning] = [place]

    def _place(self, column: str, meaning: str) -> int:
        columns = self._header.columns
        places = [place for place, found in enumerate(columns) if found == column.strip()]
        places = places or [place for place, found in enumerate(columns) if normal(found) == normal(column)]
        if not places:
            # By what it means: the name is not the file's but was sent with it, and is not repeated.
            which = f"gives for {short(meaning)}" if meaning else "leaves out"
            raise UnreadableFile(
                f"{self._name} has no column of the name that the mapping {which}; its first line has"
                f" {_number(columns)}.",
                FileReason.MAPPING,
            )
        if len(places) > 1:
            raise self._twice(column)
        return places[0]

    def _recognise(self) -> None:
        mapped = set(self._meant)
        taken = self._left_out | {place for places in self._meant.values() for place in places}
        by_name: dict[str, list[int]] = {}
        for place, column in enumerate(self._header.columns):
            if place not in taken and not is_secret(column):
                by_name.setdefault(normal(column), []).append(place)
        for meaning, names in self._dialect.names.items():
            if meaning in mapped:
                continue
            for name in dict.fromkeys(map(normal, names)):
                places = by_name.get(name, [])
                if len(places) > 1:
                    raise self._twice(self._header.columns[places[0]])
                self._meant.setdefault(meaning, []).extend(places)
        self._meant = {meaning: places for meaning, places in self._meant.items() if places}

    def _twice(self, column: str) -> UnreadableFile:
        words = f'{self._name} has the column "{short(column)}" twice; each may be there once.'
        return UnreadableFile(words, FileReason.COLUMN_TWICE, [short(column)])

    def _check_needed(self) -> None:
        missing = [fields for fields in self._dialect.needed if not any(name in self._meant for name in fields)]
        if not missing:
            return
        names = [[self._dialect.names[meaning][0] for meaning in fields] for fields in missing]
        called = [" or ".join(each) for each in names]
        word, it = ("column", "it") if len(missing) == 1 else ("columns", "them")
        # How many columns, not which: of a file that has no such line the first is somebody's data.
        raise UnreadableFile(
            f"{self._name} lacks the {word} {', '.join(called)}; its first line must name {it}, and has"
            f" {_number(self._header.columns)}.",
            FileReason.COLUMN_MISSING,
            ["/".join(each) for each in names],
        )

    def _note(self) -> None:
        header, together = self._header, self._dialect.first_filled | set(self._dialect.parts)
        used: set[int] = set(self._left_out)
        for meaning, places in self._meant.items():
            if meaning in self._dialect.first_filled and len(places) > 1:
                self._say(ImportNoteCode.FIRST_FILLED, places, meaning)
            elif meaning not in together and len(places) > 1:
                self._say(ImportNoteCode.FIELD_HAS_COLUMN, places, meaning)
            used.update(places)
        header.secrets = [place for place, column in enumerate(header.columns) if is_secret(column)]
        if header.secrets:
            self._say(ImportNoteCode.CREDENTIAL_COLUMNS, header.secrets)
        used.update(header.secrets)
        if unknown := [place for place in range(len(header.columns)) if place not in used]:
            self._say(ImportNoteCode.UNKNOWN_COLUMNS, unknown)

    def _say(self, code: ImportNoteCode, places: Sequence[int], meaning: str | None = None) -> None:
        self._header.notes.append(of_columns(code, self._header.columns, places, meaning))


def _number(columns: Sequence[str]) -> str:
    return "1 column" if len(columns) == 1 else f"{len(columns)} columns"
