"""Long lines, long cells and long files cost themselves, not the memory and not their neighbours."""

import codecs
import io
import json
import tracemalloc
from collections.abc import Callable

import pytest

from patrongraph.imports.models import FileReason, ImportFormat
from patrongraph.imports.sources import Row, UnreadableFile, open_source
from patrongraph.problems import InputReason

HEADER = b"username,enabled\n"
LONG_LINE = ("", "is longer than 1048576 bytes", InputReason.TOO_LONG, 1_048_576)
UNCLOSED = ("", "opens a quote that is not closed; close it, or write it twice in a cell", InputReason.BAD_QUOTE, None)
BIG_CELL = ("", "has a cell of more than 131072 characters", InputReason.TOO_LONG, 131_072)


def status(body: bytes) -> list[Row]:
    return list(open_source(io.BytesIO(HEADER + body), ImportFormat.STATUS).rows())


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1_048_577, 1_310_719, 1_310_720, 3_000_000])
def test_line_that_is_too_long_is_one_row(line_end: bytes, size: int) -> None:
    body = line_end.join([b"anna,TRUE", b"x" * size, b"bo,TRUE", b"y" * size, b"z" * size, b"cy,FALSE", b""])
    assert status(body) == [
        Row(2, ["anna", "TRUE"]),
        Row(3, ["x" * 1000, None], *LONG_LINE),
        Row(4, ["bo", "TRUE"]),
        Row(5, ["y" * 1000, None], *LONG_LINE),
        Row(6, ["z" * 1000, None], *LONG_LINE),
        Row(7, ["cy", "FALSE"]),
    ]


def test_too_long_line_at_the_end() -> None:
    assert status(b"anna,TRUE\n" + b"x" * 2_000_000)[1:] == [Row(3, ["x" * 1000, None], *LONG_LINE)]


def test_line_of_the_longest_length_is_read() -> None:
    cells = ["x" * 131_000] * 7 + ["y" * 131_000]
    content = ",".join(["username", "enabled", *"abcdef"]).encode() + b"\n" + ",".join(cells).encode() + b"\n"
    assert len(content.split(b"\n")[1]) == 1_048_007
    [row] = open_source(io.BytesIO(content), ImportFormat.STATUS).rows()
    assert row == Row(2, cells)


def test_quote_that_is_open_before_a_long_line_costs_its_own_line() -> None:
    rows = status(b'"anna,TRUE\n' + b"x" * 2_000_000 + b'\nbo,"TRUE"\n')
    assert rows == [
        Row(2, ['"anna,TRUE', None], *UNCLOSED),
        Row(3, ["x" * 1000, None], *LONG_LINE),
        Row(4, ["bo", "TRUE"]),
    ]


def test_cell_that_is_too_long_is_one_row() -> None:
    line = "x" * 200_000 + ",TRUE"
    assert status(line.encode() + b"\nbo,TRUE\n") == [Row(2, [line, None], *BIG_CELL), Row(3, ["bo", "TRUE"])]


def test_header_that_is_too_long_is_refused() -> None:
    with pytest.raises(UnreadableFile) as refused:
        open_source(io.BytesIO(b"a," * 1_000_000), ImportFormat.STATUS, name="wide.csv")
    assert str(refused.value) == "wide.csv line 1 is longer than 1048576 bytes; it must name the columns."
    assert (refused.value.reason, refused.value.limit) == (FileReason.TOO_LONG, 1_048_576)


def utf16() -> bytes:
    return codecs.BOM_UTF16_LE + "username,enabled\n".encode("utf-16-le") + "åsa,TRUE\n".encode("utf-16-le") * 100_000


def users() -> bytes:
    user = {"username": "asa", "personal": {"lastName": "Ek", "addresses": [{"city": "Elmwood"}]}}
    return json.dumps({"users": [user] * 20_000, "totalRecords": 20_000}).encode()


@pytest.mark.parametrize(
    ("file_format", "make", "rows"),
    [
        (ImportFormat.STATUS, lambda: HEADER + b"anna,TRUE\n" * 150_000, 150_000),
        (ImportFormat.STATUS, lambda: HEADER + b"x" * 20_000_000 + b"\nanna,TRUE\n", 2),
        (ImportFormat.STATUS, lambda: HEADER + b'"anna,TRUE\n' * 60_000, 60_000),
        (ImportFormat.STATUS, utf16, 100_000),
        (ImportFormat.FOLIO, users, 20_000),
    ],
    ids=["many rows", "one line", "no quote is closed", "utf-16", "folio"],
)  # fmt: skip
def test_memory_does_not_grow_with_the_file(file_format: ImportFormat, make: Callable[[], bytes], rows: int) -> None:
    file = io.BytesIO(make())
    tracemalloc.start()
    try:
        source = open_source(file, file_format)
        assert sum(1 for _ in source.rows()) == rows
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()
