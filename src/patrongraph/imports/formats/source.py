"""What every format is read into: the columns and rows of one file, whatever it was."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from patrongraph.imports.formats.rows import Row
from patrongraph.imports.models import ImportFormat
from patrongraph.imports.notes import Note


@dataclass(frozen=True, slots=True)
class FileOptions:
    """What the file itself asks for; only FOLIO's can.

    Without `update_only_present` what a row does not say is emptied. `source_type` is already in front of each
    external_id; FOLIO then takes for missing only those that begin with it and an underscore.
    """

    deactivate_missing: bool = False
    update_only_present: bool = True
    total_records: int | None = None
    source_type: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of patrons.

    `columns` are called as in the file, `fields` what each means, None when it is passed over. `notes` are
    about the file as a whole. `encoding` is utf-8, utf-8-sig, latin-1 (read as Windows-1252) or utf-16.
    """

    format: ImportFormat
    columns: tuple[str, ...]
    fields: tuple[str | None, ...]
    notes: tuple[Note, ...]
    encoding: str
    options: FileOptions
    read: Callable[[], Iterator[Row]]

    @property
    def warnings(self) -> list[str]:
        """The notes as sentences, in the same order."""
        return [str(note) for note in self.notes]

    def rows(self) -> Iterator[Row]:
        """Yield every row of the file once, in constant memory; what cannot be read is a row with `wrong`.

        It reads from the beginning each time, so only one may be under way.
        """
        return self.read()
