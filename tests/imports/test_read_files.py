"""Each awkward file of the folder is read as the file beside it says: columns, rows with lines, warnings, reasons."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from patrongraph.imports.models import ImportFormat
from patrongraph.imports.sources import UnreadableFile, open_source

FILES = Path(__file__).parent / "files"
END = ".expected.json"
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
            assert expected == {"unreadable": str(refused.value)}
            return
        source = open_source(file, file_format, mapping, name)
        rows = [
            {"line": row.line, "cells": row.cells}
            | ({} if row.wrong is None else {"column": row.column, "wrong": row.wrong})
            for row in source.rows()
        ]
    options = expected.pop("options", {})
    assert expected == {
        "columns": list(source.columns),
        "fields": list(source.fields),
        "encoding": source.encoding,
        "warnings": list(source.warnings),
        "rows": rows,
    }
    assert source.format is file_format
    assert options in ({}, asdict(source.options))
