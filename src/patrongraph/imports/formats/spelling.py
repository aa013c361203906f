"""How other systems write dates and flags, turned into our way; what is neither stays as it is."""

import re
from collections.abc import Callable, Mapping

_DAY_AND_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})[T ]\d{2}:\d{2}[0-9:.]*\s?(?:Z|z|[+-]\d{2}(?::?\d{2})?)?")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_NO_DAY = "0000-00-00"


def day(text: str) -> str:
    """Return a date as YYYY-MM-DD: of a time its date as written, of 31.1.2026 the same day.

    01/02/2026 stays as it is: nothing says which of them is the month.
    """
    trimmed = text.strip()
    if found := _DAY_AND_TIME.fullmatch(trimmed):
        trimmed = found[1]
    return moment(trimmed) if trimmed != text or "." in text or trimmed == _NO_DAY else text


def moment(text: str) -> str:
    """Return a time as it is, a dotted date as YYYY-MM-DD, and a database's date for "never" as nothing."""
    if text.startswith(_NO_DAY):
        return ""
    if found := _DOTTED.fullmatch(text.strip()):
        return f"{found[3]}-{int(found[2]):02}-{int(found[1]):02}"
    return text


def flag(text: str) -> str:
    """Return t and f as TRUE and FALSE."""
    return {"t": "TRUE", "f": "FALSE"}.get(text.strip().lower(), text)


SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "date_of_birth": day,
    "expires_on": day,
    "registered_at": moment,
    "enabled": flag,
}
