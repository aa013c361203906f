"""Keyset pages: a cursor holds the order's values of a row, so that pages stay right while rows come and go."""

import base64
import binascii
from typing import Any

import orjson

from patrongraph.db import storable
from patrongraph.graph.declare import Order
from patrongraph.graph.ids import BadArgument

_PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {"bigint": int, "text": str}


def cursor_sql(values: list[str]) -> str:
    """Return SQL for the opaque cursor of a row with those order values."""
    text = f"convert_to(json_build_array({', '.join(values)})::text, 'UTF8')"
    return f"translate(encode({text}, 'base64'), E'\\n', '')"


def decode_cursor(order: Order, cursor: str) -> list[Any]:
    """Return the order's values in a cursor. Raises BadArgument for anything that no page has given."""
    try:
        values = orjson.loads(base64.b64decode(cursor, validate=True))
    except (ValueError, binascii.Error):
        values = None
    fits = isinstance(values, list) and len(values) == len(order.keys)
    if not fits or not all(
        isinstance(value, _PYTHON_TYPES[sql_type]) and not isinstance(value, bool)
        for value, (_, sql_type) in zip(values, order.keys, strict=True)
    ):
        raise BadArgument("this is not a cursor of this list; pass an endCursor or cursor that it returned.")
    if any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in values):
        raise BadArgument("this is not a cursor of this list; pass an endCursor or cursor that it returned.")
    if any(isinstance(value, str) and not storable(value) for value in values):
        raise BadArgument("this is not a cursor of this list; pass an endCursor or cursor that it returned.")
    return list(values)


def check_first(first: Any, limit: int) -> int:
    """Return a page size between 1 and limit. Raises BadArgument."""
    if not isinstance(first, int) or not 1 <= first <= limit:
        raise BadArgument(f"Argument first: a page has 1 to {limit} rows, {first} were asked for.")
    return first


def order_by(order: Order, values: list[str]) -> str:
    """Return the ORDER BY list for those order values."""
    return ", ".join(f"{value} DESC" if order.descending else value for value in values)


def beyond(order: Order, values: list[str], placeholders: list[str]) -> str:
    """Return the predicate for rows that come after the cursor."""
    sign = "<" if order.descending else ">"
    if len(values) == 1:
        return f"{values[0]} {sign} {placeholders[0]}"
    return f"({', '.join(values)}) {sign} ({', '.join(placeholders)})"
