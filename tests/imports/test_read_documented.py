"""docs/importing.md names every column that is understood, and its examples are read without a warning."""

import io
import re
from pathlib import Path

import pytest

from patrongraph.imports.formats.csv_source import DIALECTS
from patrongraph.imports.formats.folio_user import FIELDS
from patrongraph.imports.models import ImportFormat
from patrongraph.imports.sources import open_source

TEXT = (Path(__file__).parents[2] / "docs" / "importing.md").read_text(encoding="utf-8")
SECTIONS = {each: re.split(r"\n##? ", TEXT.split(f"\n## {each}\n")[1])[0] for each in ImportFormat}


@pytest.mark.parametrize("file_format", DIALECTS)
def test_every_column_name_is_documented(file_format: ImportFormat) -> None:
    words = set(re.split(r"[|,;()\n]|`|\bor\b", SECTIONS[file_format]))
    known = {word.strip() for word in words}
    names = {name for names in DIALECTS[file_format].names.values() for name in names}
    if file_format is ImportFormat.STATUS:
        # Their other names are those of PATRONS.
        names = {"username", "enabled"}
    assert {name for name in names if name not in known and name.replace(" ", "_") not in known} == set()


def test_every_folio_property_is_documented() -> None:
    for path in FIELDS:
        assert (path if "addresses" not in path else path.rpartition(".")[2]) in SECTIONS[ImportFormat.FOLIO]


@pytest.mark.parametrize("file_format", ImportFormat)
def test_example_is_read(file_format: ImportFormat) -> None:
    [example] = re.findall(r"```(?:csv|json)\n(.*?)```", SECTIONS[file_format], re.DOTALL)
    source = open_source(io.BytesIO(example.encode()), file_format)
    expected = 2 if file_format is ImportFormat.STATUS else 1
    assert [row.wrong for row in source.rows()] == [None] * expected
    assert all("first that is filled in" in warning for warning in source.warnings)
