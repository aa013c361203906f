"""What is to be said about a file as a whole: as a value for programs, and as the one English sentence made from it.

Beside the six names because the readers find most notes, and the end of a run one more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patrongraph.imports.models import ImportNoteCode

MOST_NAMED = 30
_LONGEST_NAME = 60
_LARGEST_NUMBER = 2**31 - 1

_SENTENCES: Mapping[ImportNoteCode, str] = {
    ImportNoteCode.READ_AS_LATIN: "The file is not UTF-8 and was read as Latin-1 (Windows-1252); look at letters like"
    " å, ä and ö, and save it as UTF-8 when they are wrong.",
    ImportNoteCode.DAMAGED_TEXT: "The file is UTF-8, but not everywhere; the rows that hold other bytes are rejected.",
    ImportNoteCode.NO_ROWS: "The file has no rows below its first line.",
    ImportNoteCode.FIRST_FILLED: "Of {columns} the first that is filled in becomes {field}.",
    ImportNoteCode.FIELD_HAS_COLUMN: "{others} passed over, because {first} is already {field}.",
    ImportNoteCode.CREDENTIAL_COLUMNS: "{columns} passed over: PINs and passwords are never imported, and nothing is"
    " kept of rows that cannot be read.",
    ImportNoteCode.UNKNOWN_COLUMNS: "{columns} passed over: not known. A mapping can say what they mean.",
    ImportNoteCode.CREDENTIAL_PROPERTIES: "{columns} passed over: PINs and passwords are never imported.",
    ImportNoteCode.UNKNOWN_PROPERTIES: "{columns} passed over: not known.",
    ImportNoteCode.TOTAL_DIFFERS: "totalRecords says {number}, but the file has {rows} users.",
    ImportNoteCode.PATRONS_ERASED: "{number} rows were about patrons who were erased while the import ran, and were"
    " not applied.",
}


@dataclass(frozen=True, slots=True)
class Note:
    """One thing to be said about a file; it holds no more of the file than its sentence says.

    `columns` are named as in the file, shortened, "" without a name; of FIELD_HAS_COLUMN the first is the one that
    counts. `places` are theirs in the file, the first 1; a JSON file has none. `field` is what they become.
    `number` is how many columns there are where not all are named, the total that the file says, or a count of rows;
    a string stands for a number that SQL puts in. `rows` is how many the file has.
    """

    code: ImportNoteCode
    columns: tuple[str, ...] = ()
    places: tuple[int, ...] = ()
    field: str | None = None
    number: int | str | None = None
    rows: int | None = None

    def __str__(self) -> str:
        """Return it as an English sentence."""
        return _SENTENCES[self.code].format(
            columns=self._listed(),
            first=self._listed(0, 1),
            others=self._listed(1),
            field=self.field,
            number=self.number,
            rows=self.rows,
        )

    def stored(self) -> dict[str, Any]:
        """Return it as import_run.notes has it; a number that no Int holds is left out, the sentence has it."""
        is_kept = isinstance(self.number, int) and abs(self.number) <= _LARGEST_NUMBER
        return {
            "code": self.code.value,
            "columns": self.columns,
            "places": self.places,
            "field": self.field,
            "number": self.number if is_kept else None,
        }

    def _listed(self, start: int = 0, end: int | None = None) -> str:
        named = [
            f'"{column}"' if column or not self.places else f'"column {self.places[at]}, which has no name"'
            for at, column in enumerate(self.columns)
        ]
        more = ""
        if end is None and self.columns and isinstance(self.number, int):
            # Of the properties of a JSON file no more are counted than that there are more.
            more = f" and {self.number - len(self.columns)} more" if self.places else " and more"
        return ", ".join(named[start:end]) + more


def of_columns(code: ImportNoteCode, columns: Sequence[str], places: Sequence[int], field: str | None = None) -> Note:
    """Return a note about these of a file's columns; `places` begin with 0."""
    return Note(
        code,
        tuple(short(columns[place]) for place in places[:MOST_NAMED]),
        tuple(place + 1 for place in places[:MOST_NAMED]),
        field,
        len(places) if len(places) > MOST_NAMED else None,
    )


def of_properties(code: ImportNoteCode, names: Sequence[str]) -> Note:
    """Return a note about properties of a JSON file, named as JSON writes them."""
    return Note(code, tuple(names[:MOST_NAMED]), number=len(names) if len(names) > MOST_NAMED else None)


def short(name: str) -> str:
    """Return a column's name, cut when it is longer than a name is."""
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
