"""Scalars as clients see them: money as text, times as ISO 8601 with offset; SQL already answers in that form."""

import datetime as dt
import decimal
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import strawberry
from strawberry.types.scalar import ScalarDefinition

from patrongraph.graph.ids import BadArgument


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a request: `size` in bytes, `sha256` in hex, `filename` without folders.

    It is open for as long as its mutation runs. As JSON, and so in an idempotency key's fingerprint, it is its
    name, size and digest.
    """

    filename: str = field(repr=False)
    size: int
    sha256: str
    _file: BinaryIO = field(repr=False, compare=False)

    @property
    def file(self) -> BinaryIO:
        """The bytes, as a seekable file that stands at its beginning when the mutation starts."""
        return self._file


def _parse_upload(value: object) -> Upload:
    if not isinstance(value, Upload):
        raise BadArgument(
            "An Upload is a file of a multipart/form-data request (GraphQL multipart request specification) "
            "to /graphql, never a value in JSON or in the document."
        )
    return value


def _never_shown(_value: object) -> str:
    raise TypeError("an upload is taken, never given")


def _parse_decimal(value: object) -> decimal.Decimal:
    try:
        parsed = decimal.Decimal(str(value))
    except decimal.InvalidOperation:
        raise BadArgument("A Decimal is written like 12.50.") from None
    if not parsed.is_finite():
        raise BadArgument("A Decimal must be a finite number, like 12.50.")
    return parsed


def _parse_datetime(value: object) -> dt.datetime:
    try:
        parsed = dt.datetime.fromisoformat(str(value))
    except ValueError:
        raise BadArgument("A DateTime is written like 2026-01-31T12:00:00Z.") from None
    if parsed.tzinfo is None:
        raise BadArgument("A DateTime needs an offset, like 2026-01-31T12:00:00Z or +01:00.")
    try:
        return parsed.astimezone(dt.UTC)
    except OverflowError:
        raise BadArgument("A DateTime lies between the years 1 and 9999.") from None


def _parse_date(value: object) -> dt.date:
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError:
        raise BadArgument("A Date is written like 2026-01-31.") from None


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _iso(value: Any) -> str:
    return value if isinstance(value, str) else str(value.isoformat())


SCALARS: dict[object, ScalarDefinition] = {
    decimal.Decimal: strawberry.scalar(
        name="Decimal",
        description="An exact decimal number as text, for money in the library's currency: 12.50.",
        serialize=_as_text,
        parse_value=_parse_decimal,
    ),
    dt.datetime: strawberry.scalar(
        name="DateTime",
        description="A moment as ISO 8601 with offset: 2026-01-31T12:00:00+00:00.",
        serialize=_iso,
        parse_value=_parse_datetime,
    ),
    dt.date: strawberry.scalar(
        name="Date",
        description="A day as ISO 8601: 2026-01-31.",
        serialize=_iso,
        parse_value=_parse_date,
    ),
    Upload: strawberry.scalar(
        name="Upload",
        description="A file, sent by the GraphQL multipart request specification: POST /graphql, one file a request.",
        serialize=_never_shown,
        parse_value=_parse_upload,
    ),
}
"""What StrawberryConfig(scalar_map=…) takes."""
