"""The one CSV tokenizer: UTF-8 in constant memory to rows; a broken row never takes others along.

Every row of the file comes once. A quoted cell may hold line ends and keeps them; a quote that is never
closed costs its own line and no other. Rows go through the csv module in bulk, and only one that it stumbles
over is looked at by itself.
"""

import csv
import io
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from patrongraph.imports.formats.text import BLOCK_BYTES
from patrongraph.problems import InputReason

LONGEST_LINE = 1_048_576
LONGEST_CELL = csv.field_size_limit()
MOST_LINES_OF_A_ROW = 50
KEPT_OF_LONG_LINE = 1_000
UNCLOSED = "opens a quote that is not closed; close it, or write it twice in a cell"
MISPLACED = "has a quote in the wrong place; quote the whole cell and write a quote inside it twice"
# What PostgreSQL does not store: NUL, and the bytes that were no text.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file.

    `line` is its first line, or the place of a user in a JSON file, from 1. `cells` has one text for each
    column of the file; None where this row does not say it. `wrong` tells why the row cannot be read, and
    `column` which column is at fault ("" for the whole row), `reason` and `limit` the same for programs; `cells` then
    hold what could be read, or the raw text in the first of them. PostgreSQL can store every text.
    """

    line: int
    cells: list[str | None]
    column: str = ""
    wrong: str | None = None
    reason: InputReason | None = None
    limit: int | None = None


Plain = TypeVar("Plain")


def row_of(number: int, raw: str, cells: list[str]) -> Row:
    """Return a row that is plainly right."""
    return Row(number, [*cells])


class _Swallowed(csv.Error):
    """A quote was closed, but by the quote of another row."""


def storable(text: str) -> str:
    """Return the text with what cannot be stored written out: a byte in hexadecimal, NUL as its symbol."""
    return _UNSTORABLE.sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code == 0:
        return "\u2400"
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def parse(lines: Sequence[str], delimiter: str) -> list[str]:
    """Return the cells of the row that begins these lines. Raises csv.Error when it is not one."""
    return next(csv.reader(lines, delimiter=delimiter, strict=True), [])


class Rows(Generic[Plain]):
    """The rows below a header; iterate once.

    `read` returns the next bytes, b"" at the end. `plain` makes what is yielded for a row that is plainly
    right, of its number, its raw text with the line end, and its cells; any other comes as a Row.
    `forgiving` passes over what spreadsheets add: empty cells after the last column, and lines of nothing but
    delimiters. `encoding` is what the file was meant to be.
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        columns: Sequence[str],
        delimiter: str,
        plain: Callable[[int, str, list[str]], Plain],
        *,
        first_line: int,
        forgiving: bool,
        encoding: str = "UTF-8",
    ) -> None:
        self._read = read
        self._columns = tuple(columns)
        self._delimiter = delimiter
        self._plain = plain
        self._line = first_line
        self._forgiving = forgiving
        self._encoding = encoding

    def __iter__(self) -> Iterator[Plain | Row]:
        """Yield the rows in the file's order."""
        rest: list[str] = []
        stained = False
        for lines, bad, too_long in _blocks(self._read):
            stained = bad or (stained and bool(rest))
            # A line that is too long is in no row, so a quote that is open before it is not closed.
            rest = yield from self._rows(rest + lines, stained=stained, more=too_long is None)
            if too_long is not None:
                yield self._raw(
                    self._line, too_long, f"is longer than {LONGEST_LINE} bytes", InputReason.TOO_LONG, LONGEST_LINE
                )
                self._line += 1
        yield from self._rows(rest, stained=stained, more=False)

    def _rows(self, lines: list[str], *, stained: bool, more: bool) -> Generator[Plain | Row, None, list[str]]:
        """Yield the rows of these lines; return the lines at the end that need `more` to be one."""
        at, width = 0, len(self._columns)
        while at < len(lines):
            # A generator begins anywhere at no cost; a slice would copy all lines for each row that is broken.
            ahead = (lines[place] for place in range(at, len(lines)))
            begin, reader = at, csv.reader(ahead, delimiter=self._delimiter, strict=True)
            try:
                for cells in reader:
                    end, first = begin + reader.line_num, cells[0] if cells else ""
                    if len(cells) == width and end - at <= MOST_LINES_OF_A_ROW and first.strip() and not stained:
                        raw = lines[at] if end == at + 1 else "".join(lines[at:end])
                        yield self._plain(self._line + at, raw, cells)
                    elif row := self._look(self._line + at, lines[at:end], cells):
                        yield row
                    at = end
            except _Swallowed:
                yield self._broken(self._line + at, lines[at])
                at += 1
            except csv.Error as error:
                # The next lines may close the quote.
                if more and "unexpected end" in str(error) and len(lines) - at < MOST_LINES_OF_A_ROW:
                    break
                yield self._broken(self._line + at, lines[at])
                at += 1
        self._line += at
        return lines[at:]

    def _look(self, number: int, lines: list[str], cells: list[str]) -> Row | None:
        """Return a row that is not plainly right, or None for a blank line. Raises _Swallowed."""
        width = len(self._columns)
        if len(lines) > MOST_LINES_OF_A_ROW:
            raise _Swallowed
        if len(lines) == 1 and not self._text_of(lines[0]):
            return None
        if self._forgiving and not any(cell.strip() for cell in cells[width:]):
            del cells[width:]
        if len(cells) != width:
            if len(lines) > 1 and self._swallows(lines):
                raise _Swallowed
            return self._uneven(number, cells)
        for place, cell in enumerate(cells):
            if found := _UNSTORABLE.search(cell):
                kept: list[str | None] = [storable(text) for text in cells]
                reason = InputReason.NOT_PRINTABLE if found.group() == "\0" else InputReason.ENCODING
                return Row(number, kept, self._columns[place], self._no_text(found.group()), reason)
        return Row(number, [*cells])

    def _text_of(self, line: str) -> str:
        return (line.replace(self._delimiter, "") if self._forgiving else line).strip()

    def _swallows(self, lines: list[str]) -> bool:
        """Tell whether a line within a quoted cell is by itself a row of the right width, its quotes in pairs."""
        width = len(self._columns)
        for line in lines[1:]:
            try:
                if line.count('"') % 2 == 0 and 1 < width == len(parse([line], self._delimiter)):
                    return True
            except csv.Error:
                continue
        return False

    def _uneven(self, number: int, found: list[str]) -> Row:
        """Return a row of the wrong width: what is missing is None, what is too much is in the last cell."""
        width = len(self._columns)
        cells: list[str | None] = [storable(cell) for cell in found[: width - 1]]
        if len(found) >= width:
            cells.append(storable(self._delimiter.join(found[width - 1 :])))
        cells.extend([None] * (width - len(cells)))
        wrong = f"has {len(found)} columns instead of {width}"
        return Row(number, cells, "", wrong, InputReason.COLUMN_COUNT, width)

    def _broken(self, number: int, line: str) -> Row:
        """Return the row of a line whose quotes are wrong."""
        quote = UNCLOSED
        try:
            parse([line], self._delimiter)
        except csv.Error as error:
            if "expected after" in str(error):
                quote = MISPLACED
            elif "field larger" in str(error):
                wrong = f"has a cell of more than {LONGEST_CELL} characters"
                return self._raw(number, line.rstrip("\r\n"), wrong, InputReason.TOO_LONG, LONGEST_CELL)
        return self._raw(number, line.rstrip("\r\n"), quote, InputReason.BAD_QUOTE)

    def _raw(self, number: int, text: str, wrong: str, reason: InputReason, limit: int | None = None) -> Row:
        return Row(number, [storable(text), *[None] * (len(self._columns) - 1)], "", wrong, reason, limit)

    def _no_text(self, character: str) -> str:
        if character == "\0":
            return "holds a NUL character; remove it"
        byte = f" (byte {ord(character) - 0xDC00:#04x})" if self._encoding == "UTF-8" else ""
        return f"is not {self._encoding}{byte}; save the file as UTF-8"


def _blocks(read: Callable[[int], bytes]) -> Iterator[tuple[list[str], bool, str | None]]:
    """Yield whole lines with their ends, whether they hold what is no text, and the head of a line that is too long.

    Lines end with LF, CRLF or CR. Of a line that is too long only the head is kept.
    """
    rest, skipping = b"", False
    while block := read(BLOCK_BYTES):
        block = rest + block
        if skipping or len(block) > LONGEST_LINE:
            end = _first_line_end(block)
            if not skipping and not 0 < end <= LONGEST_LINE:
                yield [], False, block[:KEPT_OF_LONG_LINE].decode("utf-8", "surrogateescape")
                skipping = True
            if skipping:
                skipping = end == 0
                block = block[end:] if end else block[len(block.rstrip(b"\r")) :][:1]
        line_feed = block.rfind(b"\n") + 1
        cut = max(line_feed, block.rfind(b"\r", line_feed, len(block) - 1) + 1)
        rest = block[cut:]
        if cut:
            yield *_lines(block[:cut]), None
    if rest and not skipping:
        yield *_lines(rest), None


def _first_line_end(block: bytes) -> int:
    """Return where the second line begins, 0 when that is not in the block; a CR at its end may belong to a LF."""
    found = re.search(rb"\r\n|\n|\r(?=[^\n])", block)
    return found.end() if found else 0


def _lines(block: bytes) -> tuple[list[str], bool]:
    try:
        text, stained = block.decode("utf-8"), False
    except UnicodeDecodeError:
        text, stained = block.decode("utf-8", "surrogateescape"), True
    return io.StringIO(text, newline="").readlines(), stained or "\0" in text
