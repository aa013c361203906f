"""Each awkward file of the folder is read as the file beside it says: columns, rows with lines, warnings, reasons."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from patrongraph.imports.models import ImportFormat
from patrongraph.imports.sources import UnreadableFile, open_source

FILES = Path(__file__).parent / "files"
END = ".expected.json"
# How a reason begins, and the same for programs; of a width the bound is told in the sentence.
REASONS = (
    ("opens a quote", "BAD_QUOTE"), ("has a quote in the wrong place", "BAD_QUOTE"), ("has ", "COLUMN_COUNT"),
    ("is longer than 1048576 bytes", "TOO_LONG"), ("holds a NUL character", "NOT_PRINTABLE"),
    ("holds a character that cannot be stored", "NOT_PRINTABLE"), ("is not UTF-8", "ENCODING"),
    ("is not Latin-1", "ENCODING"), ("is not UTF-16", "ENCODING"), ("is ", "WRONG_KIND"),
)  # fmt: skip
NAMES = sorted(path.name.removesuffix(END) for path in FILES.glob(f"*{END}"))


def test_every_file_has_its_reading() -> None:
    assert sorted(path.name for path in FILES.iterdir() if not path.name.endswith(END)) == NAMES
    assert len(NAMES) >= 60


@pytest.mark.parametrize("name", NAMES)
def test_file_is_read_as_expected(name: str) -> None:
    expected: dict[str, Any] = json.loads((FILES / f"{name}{END}").read_text(encoding="utf-8"))
    file_format, mapping = ImportFormat(expected.pop("format")), expected.pop("mapping", {})
    with (FILES / name).open("rb") as file:
        if "unreadable" in expected:
            with pytest.raises(UnreadableFile) as refused:
                open_source(file, file_format, mapping, name)
            told = refused.value
            assert expected == {"unreadable": str(told), "reason": told.reason, "columns": told.columns}
            assert told.limit is None
            return
        source = open_source(file, file_format, mapping, name)
        read = list(source.rows())
        rows = [
            {"line": row.line, "cells": row.cells}
            | ({} if row.wrong is None else {"column": row.column, "wrong": row.wrong})
            for row in read
        ]
    for row in read:
        width = re.fullmatch(r"has \d+ columns instead of (\d+)", row.wrong or "")
        reason = next((found for begin, found in REASONS if (row.wrong or "").startswith(begin)), None)
        assert (row.reason, row.limit) == (reason, int(width[1]) if width else None), row.wrong
    options, notes = expected.pop("options", {}), expected.pop("notes", [])
    empty = {"columns": [], "places": [], "field": None, "number": None}
    assert json.loads(json.dumps([note.stored() for note in source.notes])) == [empty | note for note in notes]
    assert expected == {
        "columns": list(source.columns),
        "fields": list(source.fields),
        "encoding": source.encoding,
        "warnings": list(source.warnings),
        "rows": rows,
    }
    assert source.format is file_format
    assert options in ({}, asdict(source.options))
