"""Whatever bytes a file holds: they are read or refused with a reason, and every row comes exactly once."""

import codecs
import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patrongraph.imports.models import ImportFormat
from patrongraph.imports.sources import Row, UnreadableFile, open_source

FILES = Path(__file__).parent / "files"
EXAMPLES = sorted(path for path in FILES.iterdir() if not path.name.endswith(".expected.json"))
CSV_FORMATS = [each for each in ImportFormat if each is not ImportFormat.FOLIO]
HEADERS = {
    ImportFormat.STATUS: ["username", "enabled"],
    ImportFormat.PATRONS: ["barcode", "last_name", "Postort"],
    ImportFormat.KOHA: ["cardnumber", "surname", "phone", "mobile", "dateofbirth"],
    ImportFormat.EVERGREEN: ["usrname", "family_name", "day_phone", "evening_phone", "expire_date"],
}

marks = st.sampled_from([b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"sep=;\n", b"{"])
anything = st.one_of(st.binary(max_size=400), st.text('ab,;\t"\r\n =å\0', max_size=60).map(str.encode))
cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
awkward = st.text("a\"',;\t\r\n å\x0b\u2028", max_size=8)


def read(content: bytes, file_format: ImportFormat) -> list[Row] | None:
    """Return the rows, having looked at what must hold of any; None when the file was refused."""
    try:
        source = open_source(io.BytesIO(content), file_format)
    except UnreadableFile:
        return None
    rows = list(source.rows())
    assert len(source.fields) == len(source.columns)
    for row in rows:
        assert len(row.cells) == len(source.columns)
        assert not any("\0" in cell for cell in row.cells if cell)
        "".join(cell or "" for cell in row.cells).encode()
        assert (row.wrong is None) <= (row.column == "")
    numbers = [row.line for row in rows]
    assert numbers == sorted(set(numbers))
    with pytest.MonkeyPatch.context() as patched:
        # Blocks are cut anywhere; that makes no difference.
        patched.setattr("patrongraph.imports.formats.rows.BLOCK_BYTES", 7)
        assert rows == list(source.rows())
    return rows


@given(mark=marks, content=anything, file_format=st.sampled_from(ImportFormat))
@settings(max_examples=400, deadline=None)
def test_bytes_are_read_or_refused(mark: bytes, content: bytes, file_format: ImportFormat) -> None:
    read(mark + content, file_format)


@given(content=st.binary(max_size=80), little=st.booleans(), file_format=st.sampled_from(CSV_FORMATS))
@settings(max_examples=300, deadline=None)
def test_any_utf_16_may_follow_a_header(content: bytes, little: bool, file_format: ImportFormat) -> None:
    mark, codec = (codecs.BOM_UTF16_LE, "utf-16-le") if little else (codecs.BOM_UTF16_BE, "utf-16-be")
    header = ";".join(HEADERS[file_format]) + "\n"
    assert read(mark + header.encode(codec) + content, file_format) is not None


@pytest.mark.parametrize(("bad", "reason"), [
    (b"\0", "holds a NUL character; remove it"),
    (b"\xe5", "is not UTF-8 (byte 0xe5); save the file as UTF-8"),
])  # fmt: skip
def test_what_is_no_text_is_seen_in_a_row_over_several_blocks(bad: bytes, reason: str) -> None:
    rows = read("barcode,last_name\nåä,".encode() + b'"' + bad + b"\n" + b"clean\n" * 20 + b'"\n', ImportFormat.PATRONS)
    assert rows is not None
    assert [(row.line, row.column, row.wrong) for row in rows] == [(2, "last_name", reason)]


@given(body=anything, file_format=st.sampled_from(CSV_FORMATS), delimiter=st.sampled_from(",;\t"))
@settings(max_examples=400, deadline=None)
def test_any_bytes_may_follow_a_header(body: bytes, file_format: ImportFormat, delimiter: str) -> None:
    rows = read(delimiter.join(HEADERS[file_format]).encode() + b"\n" + body, file_format)
    assert rows is not None
    held = body.replace(b"\r", b"\n").split(b"\n")
    assert len(rows) <= sum(bool(line.strip()) for line in held)


@given(data=st.data(), example=st.sampled_from(EXAMPLES), file_format=st.sampled_from(ImportFormat))
@settings(max_examples=400, deadline=None)
def test_damaged_files_are_read_or_refused(data: st.DataObject, example: Path, file_format: ImportFormat) -> None:
    content = bytearray(example.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(begin, min(begin + 8, len(content))))
        content[begin:end] = data.draw(st.binary(max_size=8))
    read(bytes(content), file_format)


@given(
    rows=st.lists(st.lists(st.one_of(cell, awkward), min_size=3, max_size=3), max_size=8),
    delimiter=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    quote_all=st.booleans(),
    last_line_end=st.booleans(),
    block=st.integers(4, 40),
)
@settings(max_examples=500, deadline=None)
def test_cells_come_back_as_they_were_written(
    rows: list[list[str]],
    delimiter: str,
    encoding: str,
    line_end: str,
    quote_all: bool,
    last_line_end: bool,
    block: int,
) -> None:
    _round_trip(rows, delimiter, encoding, line_end, quote_all, last_line_end, block)


@given(
    rows=st.lists(st.lists(st.text(st.characters(codec="cp1252", exclude_characters="\0"), max_size=12), min_size=3,
                           max_size=3), max_size=8),
    delimiter=st.sampled_from(",;\t"),
    block=st.integers(4, 40),
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_latin_1_cells_come_back_as_they_were_written(rows: list[list[str]], delimiter: str, block: int) -> None:
    # One letter that is not UTF-8 for each that happens to look like it.
    rows = [*rows, ["å ö ä " * 40, "x", "y"]]
    _round_trip(rows, delimiter, "cp1252", "\r\n", False, True, block)


def _written(cell: str, delimiter: str, *, always: bool) -> str:
    """Quote a cell as the standard says; the csv module of Python 3.11 leaves out a lone CR."""
    if always or any(mark in cell for mark in (delimiter, '"', "\r", "\n")):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _round_trip(
    rows: list[list[str]], delimiter: str, encoding: str, line_end: str, always: bool, last: bool, block: int
) -> None:
    # A row of nothing but blanks is none, so each has something in its last cell.
    rows = [[*row[:2], row[2] + "."] for row in rows]
    plain = line_end.join(
        delimiter.join(_written(cell, delimiter, always=always) for cell in row)
        for row in [["barcode", "last_name", "Postort"], *rows]
    )
    plain += line_end if last else ""
    bom = {"utf-16-le": codecs.BOM_UTF16_LE, "utf-16-be": codecs.BOM_UTF16_BE}.get(encoding, b"")
    with pytest.MonkeyPatch.context() as patched:
        # Small blocks, so that rows, quotes, line ends and letters are cut everywhere.
        patched.setattr("patrongraph.imports.formats.rows.BLOCK_BYTES", block)
        source = open_source(io.BytesIO(bom + plain.encode(encoding)), ImportFormat.PATRONS)
        found = list(source.rows())
    assert [(row.cells, row.wrong) for row in found] == [(row, None) for row in rows]
    assert source.fields == ("barcode", "last_name", "city")
    lines = io.StringIO(plain, newline="").readlines()
    for row, again in zip(found, rows, strict=True):
        beginning = "".join(lines[row.line - 1 :])
        assert next(csv.reader(io.StringIO(beginning, newline=""), delimiter=delimiter)) == again


@given(
    users=st.lists(st.one_of(st.none(), st.integers(), st.text(), st.lists(st.integers()), st.dictionaries(
        st.sampled_from(["username", "barcode", "active", "personal", "addresses", "users", "item"]),
        st.recursive(st.one_of(st.none(), st.booleans(), st.text(max_size=5), st.floats(allow_nan=False,
                     allow_infinity=False)), lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(
                         st.sampled_from(["lastName", "phone", "addresses", "city", "users", "item"]), inner,
                         max_size=3)), max_leaves=5),
        max_size=4)), max_size=5),
    around=st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.lists(st.integers(), max_size=2)), max_size=2),
    ascii_only=st.booleans(),
)  # fmt: skip
@settings(max_examples=400, deadline=None)
def test_every_user_comes_once(users: list[object], around: dict[str, object], ascii_only: bool) -> None:
    content = json.dumps({**around, "users": users, "totalRecords": len(users)}, ensure_ascii=ascii_only)
    rows = read(content.encode("utf-8", "surrogatepass"), ImportFormat.FOLIO)
    if rows is not None:
        assert [row.line for row in rows] == list(range(1, len(users) + 1))
