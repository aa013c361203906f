"""FOLIO's user import: one JSON object with `users`, read twice in constant memory.

The first reading finds out whether it is JSON at all, and what stands around the users; the second yields them.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, NoReturn

import ijson

from patrongraph.imports.formats.folio_user import FIELDS, KNOWN, read_user
from patrongraph.imports.formats.names import is_secret
from patrongraph.imports.formats.rows import Row
from patrongraph.imports.formats.source import FileOptions, Source
from patrongraph.imports.formats.text import BLOCK_BYTES, Encoding, UnreadableFile, Utf8
from patrongraph.imports.models import FileReason, ImportFormat, ImportNoteCode
from patrongraph.imports.notes import MOST_NAMED, Note, of_properties

DEEPEST = 50
_SWITCHES = ("deactivateMissingUsers", "updateOnlyPresentFields")
_AROUND = ("users", "totalRecords", *_SWITCHES, "sourceType")
# Broken JSON, bytes that are no text, and numbers that nobody can hold.
_BROKEN = (ijson.JSONError, ValueError, ArithmeticError)


def open_folio(file: BinaryIO, encoding: Encoding, mapping: Mapping[str, str], name: str) -> Source:
    """Open a FOLIO file. Raises UnreadableFile when it is not JSON, or not an object with `users`."""
    if mapping:
        raise UnreadableFile("A FOLIO file has no columns to map; leave the mapping out.", FileReason.MAPPING)
    survey = _survey(file, encoding, name)
    options = survey.options()

    def rows() -> Iterator[Row]:
        users = ijson.items(_Stream(Utf8(file, encoding)), "users.item")
        for place, user in enumerate(users, 1):
            yield read_user(place, user, options.source_type)

    notes = (*encoding.notes, *survey.notes())
    return Source(ImportFormat.FOLIO, tuple(FIELDS), tuple(FIELDS.values()), notes, encoding.name, options, rows)


class _Stream:
    """Counts bytes and lines while ijson reads; from `careful` on it hands out one byte at a time."""

    def __init__(self, source: Utf8, careful: int | None = None) -> None:
        self._source = source
        self._careful = careful
        self._held = b""
        self.position = self.block_began = self.line = self.line_began = 0
        self.ended = False

    def read(self, size: int = BLOCK_BYTES) -> bytes:
        """Return the next bytes; none for a size of 0, with which ijson asks what a stream is made of."""
        if size == 0:
            return b""
        self._held = self._held or self._source.read(BLOCK_BYTES)
        self.ended = not self._held
        until = 1 if self._careful is not None and self.position >= self._careful else len(self._held)
        block, self._held = self._held[:until], self._held[until:]
        self.block_began = self.position
        if newlines := block.count(b"\n"):
            self.line += newlines
            self.line_began = self.position + block.rfind(b"\n") + 1
        self.position += len(block)
        return block


@dataclass(slots=True)
class _Survey:
    """What the first reading found: values around the users, how many users, and names that were passed over."""

    name: str
    around: dict[str, object] = field(default_factory=dict)
    users: int = 0
    passed_over: dict[str, None] = field(default_factory=dict)
    _depth: int = 0
    _keys: list[str] = field(default_factory=lambda: [""] * (DEEPEST + 1))

    def take(self, event: str, value: object) -> None:
        """Take one event of the parser. Raises UnreadableFile for what is JSON, but not this format."""
        depth = self._depth
        if event == "map_key":
            self._keys[depth] = str(value)
            if depth in (1, 3, 4):
                self._named(depth)
        elif event in ("end_map", "end_array"):
            self._depth -= 1
        else:
            if depth <= 2:
                self._value(depth, event, value)
            if event in ("start_map", "start_array"):
                self._depth += 1
                self._keys[min(depth + 1, DEEPEST)] = ""
                if depth >= DEEPEST:
                    words = f"{self.name} nests values more than {DEEPEST} deep; FOLIO's users do not."
                    raise UnreadableFile(words, FileReason.NOT_THE_FORMAT)

    def _named(self, depth: int) -> None:
        keys, key = self._keys, self._keys[depth]
        if depth == 1:
            if key in self.around or key.startswith("users."):
                words = f'{self.name} has "{key[:60]}" twice, or where FOLIO has no such property.'
                raise UnreadableFile(words, FileReason.NOT_THE_FORMAT)
            if key not in _AROUND:
                self._pass_over(key)
        elif keys[1] == "users" and (depth == 3 or keys[3] == "personal"):
            path = key if depth == 3 else f"personal.{key}"
            if path not in KNOWN:
                self._pass_over(path)

    def _pass_over(self, path: str) -> None:
        if len(self.passed_over) <= MOST_NAMED:
            self.passed_over[path[:60]] = None

    def _value(self, depth: int, event: str, value: object) -> None:
        if depth == 0 and event != "start_map":
            self._no_folio("is JSON, but not an object")
        elif depth == 1:
            key = self._keys[1]
            if key == "users" and event != "start_array":
                self._no_folio('has "users", but not as a list')
            self.around[key] = value
            self._check(key, event)
        elif depth == 2 and self._keys[1] == "users":
            self.users += 1

    def _check(self, key: str, event: str) -> None:
        right = {"totalRecords": "number", "sourceType": "string", **dict.fromkeys(_SWITCHES, "boolean")}.get(key)
        whole = key != "totalRecords" or isinstance(self.around[key], int | None)
        if right and event != "null" and (event != right or not whole):
            words = {"number": "a whole number", "string": "text", "boolean": "true or false"}[right]
            raise UnreadableFile(f'{self.name}: "{key}" must be {words}.', FileReason.NOT_THE_FORMAT)

    def _no_folio(self, what: str) -> NoReturn:
        raise UnreadableFile(
            f'{self.name} {what}; a FOLIO file is one object, with the users in the list "users" and their number'
            ' in "totalRecords".',
            FileReason.NOT_THE_FORMAT,
        )

    def options(self) -> FileOptions:
        """Return what the file asks for. Raises UnreadableFile when there are no users in it."""
        if "users" not in self.around:
            self._no_folio('has no "users"')
        total = self.around.get("totalRecords")
        return FileOptions(
            deactivate_missing=self.around.get("deactivateMissingUsers") is True,
            update_only_present=self.around.get("updateOnlyPresentFields") is True,
            total_records=total if isinstance(total, int) else None,
            source_type=str(self.around.get("sourceType") or ""),
        )

    def notes(self) -> list[Note]:
        """Return what is worth knowing about the file as a whole."""
        found = []
        total = self.around.get("totalRecords")
        if isinstance(total, int) and total != self.users:
            found.append(Note(ImportNoteCode.TOTAL_DIFFERS, number=total, rows=self.users))
        secrets = [path for path in self.passed_over if is_secret(path)]
        if secrets:
            found.append(of_properties(ImportNoteCode.CREDENTIAL_PROPERTIES, list(map(_written, secrets))))
        if others := [path for path in self.passed_over if path not in secrets]:
            found.append(of_properties(ImportNoteCode.UNKNOWN_PROPERTIES, list(map(_written, others))))
        return found


def _survey(file: BinaryIO, encoding: Encoding, name: str) -> _Survey:
    """Read the whole file once. Raises UnreadableFile, with the place when it is not JSON."""
    stream = _Stream(Utf8(file, encoding))
    survey = _Survey(name)
    try:
        for event, value in ijson.basic_parse(stream):
            survey.take(event, value)
    except _BROKEN:
        _tell_where(_Stream(Utf8(file, encoding), careful=stream.block_began), name)
    return survey


def _tell_where(stream: _Stream, name: str) -> NoReturn:
    """Read again up to the place that broke the first reading, and raise UnreadableFile that names it."""
    survey = _Survey(name)
    try:
        for event, value in ijson.basic_parse(stream):
            survey.take(event, value)
    except _BROKEN:
        pass
    line, column = stream.line + 1, max(stream.position - stream.line_began, 1)
    inside = f", in user {survey.users}" if survey.users else ""
    what = "ends too early" if stream.ended else "breaks"
    raise UnreadableFile(
        f"{name} is not JSON: it {what} at line {line}, column {column}{inside}. Mend that place, or write the file"
        " anew.",
        FileReason.NOT_JSON,
    )


def _written(path: str) -> str:
    """Return a name as JSON writes it between its quotes, so that it holds no character that cannot be stored."""
    return json.dumps(path, ensure_ascii=False)[1:-1]
