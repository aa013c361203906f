"""Turns a CSV file into COPY's bytes in constant memory; a broken row never takes others along.

Beside the six names because it is the one place where bytes of unknown quality are touched. Every row of
the file leaves as one row for COPY that starts with its line number; a row that cannot be read leaves as
its number, a column and a reason. A quoted cell may hold line ends; a quote that is never closed costs its
own line and no other.
"""

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from patrongraph.imports.layout import File

BLOCK_BYTES = 262_144
LONGEST_LINE = 1_048_576
MOST_LINES_OF_A_ROW = 50
STAGED = ("line", "bad_column", "bad_reason")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class UnreadableFile(Exception):  # noqa: N818 - a fact about the input, caught and turned into a Problem
    """A file that cannot be read at all; the text names the file, and the column where there is one."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line of a file: its columns as the import knows them, in the file's order."""

    path: Path
    file: File
    columns: tuple[str, ...]
    delimiter: str
    body_offset: int
    first_line: int

    @property
    def known(self) -> tuple[str, ...]:
        """The columns that the import reads, in the file's order."""
        return tuple(name for name in self.columns if name in self.file.column_names)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The columns that the import passes over."""
        return tuple(name for name in self.columns if name and name not in self.file.column_names)


def read_header(path: Path, file: File) -> Header | None:
    """Read the first line; None for an empty file. Raises UnreadableFile naming what is wrong with it."""
    try:
        with path.open("rb") as stream:
            first = stream.readline(LONGEST_LINE)
            offset = stream.tell()
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be read: {error.strerror}.") from None
    if first.startswith(_UTF16):
        raise UnreadableFile(f"{path.name} is UTF-16; save it as UTF-8.")
    try:
        text = first.removeprefix(codecs.BOM_UTF8).decode("utf-8").strip("\r\n")
    except UnicodeDecodeError:
        raise UnreadableFile(f"{path.name} line 1 is not UTF-8; save the file as UTF-8.") from None
    if not text.strip():
        if path.stat().st_size > offset:
            raise UnreadableFile(f"{path.name} line 1 is empty; it must name the columns.")
        return None
    if "\r" in text or "\0" in text:
        raise UnreadableFile(f"{path.name} is not a CSV file with lines that end in LF or CRLF.")
    delimiter = ";" if ";" in text and "," not in text else ","
    columns = tuple(name.strip().lower() for name in next(csv.reader([text], delimiter=delimiter)))
    _check_columns(path.name, file, columns)
    return Header(path, file, columns, delimiter, offset, 2)


def _check_columns(file_name: str, file: File, columns: Collection[str]) -> None:
    missing = file.missing(columns)
    if missing:
        word = "column" if len(missing) == 1 else "columns"
        raise UnreadableFile(
            f"{file_name} lacks the {word} {', '.join(missing)}; its first line must name them. "
            f"It may have: {', '.join(file.column_names)}."
        )
    twice = sorted({name for name in columns if name and list(columns).count(name) > 1})
    if twice:
        raise UnreadableFile(f"{file_name} names the column {', '.join(twice)} twice; each may be there once.")


def copy_columns(header: Header) -> list[str]:
    """Return the columns of the staging table in the order in which copy_blocks writes them."""
    return [*STAGED, *header.known]


class RowCopier:
    """Reads one file into COPY blocks; `bytes_read` tells how far it is."""

    def __init__(self, header: Header) -> None:
        self.header = header
        self.bytes_read = header.body_offset
        self._line = header.first_line - 1
        self._width = len(header.columns)
        self._separators = self._width - 1
        self._delimiter = header.delimiter.encode()
        wanted = [place for place, name in enumerate(header.columns) if name in header.known]
        self._wanted = None if len(wanted) == self._width else wanted
        self._blanks = len(header.known)
        cell = rb'(?:"(?:[^"]|"")*+"|[^"' + self._delimiter + rb"]*+)"
        self._whole = re.compile(cell + (self._delimiter + cell) * self._separators).fullmatch

    def blocks(self) -> Iterator[bytes]:
        """Yield the rows as CSV for COPY with the header's delimiter, in blocks of about BLOCK_BYTES."""
        rest = b""
        with self.header.path.open("rb") as stream:
            stream.seek(self.header.body_offset)
            while block := stream.read(BLOCK_BYTES):
                self.bytes_read += len(block)
                block = rest + block
                cut = block.rfind(b"\n") + 1
                # A block ends where a line ends and, after an odd quote, where a row could have ended at
                # the latest.
                if cut == 0 and len(block) < LONGEST_LINE:
                    rest = block
                    continue
                cut = cut or len(block)
                lines = block[:cut].split(b"\n")
                if not lines[-1]:
                    lines.pop()
                tail: list[bytes] = []
                yield self._copy(lines, tail)
                rest = b"".join(line + b"\n" for line in tail) + block[cut:]
            if rest:
                yield self._copy(rest.removesuffix(b"\n").split(b"\n"), None)

    def _copy(self, lines: list[bytes], tail: list[bytes] | None) -> bytes:
        """Return the COPY rows of these lines; an unfinished row at the end is moved to `tail`, if given."""
        out: list[bytes] = []
        add, delimiter, separators, whole = out.append, self._delimiter, self._separators, self._whole
        prefix = b"%d" + delimiter * 3 + b"%b"
        clean = self._wanted is None and _is_clean(lines)
        number, queue = self._line, deque(lines)
        while queue:
            line = queue.popleft()
            number += 1
            if line.endswith(b"\r"):
                line = line[:-1]
            plain = b'"' not in line
            if clean and line and (line.count(delimiter) == separators if plain else whole(line)):
                add(prefix % (number, line))
                continue
            if not line.strip():
                continue
            taken = self._copy_slowly(line, number, queue, out, may_wait=tail is not None)
            if taken is None and tail is not None:
                tail.extend([line, *queue])
                number -= 1
                break
            for _ in range(taken or 0):
                queue.popleft()
            number += taken or 0
        self._line = number
        out.append(b"")
        return b"\n".join(out)

    def _copy_slowly(
        self, line: bytes, number: int, following: deque[bytes], out: list[bytes], *, may_wait: bool
    ) -> int | None:
        """Add the row that begins with `line`; return how many more lines it took, None to be asked again."""
        quotes, taken, parts = line.count(b'"'), 0, [line]
        if quotes % 2:
            for more in following:
                taken += 1
                parts.append(more.removesuffix(b"\r"))
                quotes += more.count(b'"')
                if quotes % 2 == 0 or taken >= MOST_LINES_OF_A_ROW:
                    break
            if quotes % 2 and taken < MOST_LINES_OF_A_ROW and may_wait:
                return None
        problem = self._unreadable(line)
        if problem is None:
            cells, problem = self._cells(b"\n".join(parts))
            if problem and line.count(b'"') % 2:
                taken = 0
                cells, problem = self._cells(line)
                problem = problem and (
                    "",
                    "opens a quote that is not closed; close it, or write it twice in a cell",
                )
            if problem is None:
                out.append(self._row([str(number), "", "", *cells]))
                return taken
        out.append(self._row([str(number), *problem, *[""] * self._blanks]))
        return 0

    def _unreadable(self, line: bytes) -> tuple[str, str] | None:
        if len(line) > LONGEST_LINE:
            return "", f"is longer than {LONGEST_LINE} bytes"
        if b"\0" in line:
            return self._column_at(line, line.index(b"\0")), "holds a NUL character; remove it"
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            column = self._column_at(line, error.start)
            return column, f"is not UTF-8 (byte {line[error.start]:#04x}); save the file as UTF-8"
        return None

    def _column_at(self, line: bytes, position: int) -> str:
        """Name the column of a byte, where no quote makes that uncertain."""
        place = line.count(self._delimiter, 0, position)
        return "" if b'"' in line[:position] or place >= self._width else self.header.columns[place]

    def _cells(self, row: bytes) -> tuple[list[str], tuple[str, str] | None]:
        try:
            text = row.decode("utf-8")
            parsed = list(csv.reader(io.StringIO(text, newline=""), delimiter=self.header.delimiter, strict=True))
        except UnicodeDecodeError:
            return [], ("", "is not UTF-8; save the file as UTF-8")
        except csv.Error:
            return [], (
                "",
                "has a quote in the wrong place; quote the whole cell and write a quote inside it twice",
            )
        cells = parsed[0] if len(parsed) == 1 else []
        if len(cells) != self._width:
            return [], (
                "",
                f"has {len(cells)} columns instead of {self._width}" if cells else "is not one row",
            )
        if "\0" in text:
            return [], ("", "holds a NUL character; remove it")
        return cells if self._wanted is None else [cells[place] for place in self._wanted], None

    def _row(self, cells: list[str]) -> bytes:
        target = io.StringIO(newline="")
        csv.writer(target, delimiter=self.header.delimiter, lineterminator="\r\n").writerow(cells)
        return target.getvalue().removesuffix("\r\n").encode()


def _is_clean(lines: list[bytes]) -> bool:
    """Tell whether a batch is UTF-8 without NUL or a lone CR, which costs less than asking of each line."""
    batch = b"\n".join(lines) + b"\n"
    if b"\0" in batch or batch.count(b"\r") != batch.count(b"\r\n"):
        return False
    try:
        batch.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
