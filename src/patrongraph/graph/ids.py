"""Ids are typed and opaque to clients: a prefix says the type, the rest is the row's key."""

import re

_QUOTABLE = re.compile(r"[a-z]{2,8}_[0-9]{1,29}")
_SHAPE = re.compile(r"([a-z]{2,8})_([1-9][0-9]{0,17})\Z")


class BadArgument(ValueError):  # noqa: N818 - reads as the client's mistake that it is
    """An argument that has the right GraphQL type and still cannot be right; the message is for the client."""


def said(text: str) -> str:
    """Return an id to quote in a message; anything that does not look like one may be a name or a PIN."""
    return repr(text) if _QUOTABLE.fullmatch(text) else "This text"


def split_id(text: str) -> tuple[str, int]:
    """Return prefix and key of an id such as pat_12. Raises BadArgument."""
    match = _SHAPE.match(text)
    if match is None:
        raise BadArgument(f"{said(text)} is not an id; an id looks like pat_12.")
    return match[1], int(match[2])


def decode_id(prefix: str, text: str) -> int:
    """Return the key in an id of that prefix. Raises BadArgument for any other text."""
    found, key = split_id(text)
    if found != prefix:
        raise BadArgument(f"{said(text)} is not the id of this type; it should begin with {prefix}_.")
    return key


def encode_id(prefix: str, key: int) -> str:
    """Return the id that clients see."""
    return f"{prefix}_{key}"
