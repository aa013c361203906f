"""What to look for: marked values, in every disguise in which a system may have written them down.

A mark is made of letters that no word has, so a text that is searched for it can hold it for one reason only. Marks of
digits are for what must be a number: a PIN, a phone number.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True)
class Marks:
    """One person's marks: `letters` and `digits` are in every planted value of that person's and in nobody else's."""

    letters: str
    digits: str
    born: str

    def text(self, where: str, longest: int = 200) -> str:
        """A value for a column, with letters that JSON and addresses escape; the folded keys keep the mark."""
        return f"Å{self.letters.capitalize()}{where}é"[:longest]

    def code(self, where: str) -> str:
        """A value where only plain letters and digits are allowed."""
        return f"{self.letters.capitalize()}{where}"


GONE = Marks("zqvxjwkyp", "7391846", "1911-11-23")
"""Of those who are erased."""

STAYS = Marks("jqzxwvkhp", "8264937", "1912-12-24")
"""Of somebody who stays: found before and after, it shows that the search can find."""


@dataclass(frozen=True)
class Needle:
    """Bytes to look for, and what they would mean; `folded`: without regard to case."""

    what: str
    looks: bytes
    folded: bool = False


def disguises(what: str, value: str) -> Iterator[Needle]:
    """Yield a value as it is, in UTF-16, in hexadecimal, in base64 however it lies, and escaped letter by letter."""
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        yield Needle(f"{what} ({encoding})", value.lower().encode(encoding), folded=True)
    for spelled in sorted({value.lower(), value.capitalize(), value.upper()}):
        plain = spelled.encode()
        for escaped, how in (
            (quote(spelled, safe=""), "address"),
            (json.dumps(spelled)[1:-1], "JSON"),
            ("".join(f"\\u{ord(letter):04x}" for letter in spelled), "JSON, each letter"),
            ("".join(f"%{byte:02x}" for byte in plain), "address, each byte"),
            (plain.hex(), "hexadecimal"),
        ):
            if escaped != spelled:
                yield Needle(f"{what} ({how})", escaped.lower().encode(), folded=True)
        for shift in range(3):
            # What stays the same whatever comes before and after: without the digits that share bits with it.
            coded = base64.b64encode(b"\0" * shift + plain + b"\0" * 3).rstrip(b"=")
            begin, end = (shift * 8 + 5) // 6, (shift + len(plain)) * 8 // 6
            yield Needle(f"{what} (base64)", coded[begin:end])


def number(what: str, value: int) -> Needle:
    """A number as PostgreSQL keeps a bigint in its pages."""
    return Needle(what, value.to_bytes(8, "little"))


_seen: dict[tuple[bytes, tuple[Needle, ...]], list[str]] = {}


def found_in(text: bytes, needles: list[Needle]) -> list[str]:
    """Return what is in the text, without repeating; what was searched before, such as catalogues, is remembered."""
    key = (hashlib.blake2b(text).digest(), tuple(needles))
    if key not in _seen:
        folded = text.lower()
        found = {needle.what for needle in needles if needle.looks in (folded if needle.folded else text)}
        _seen[key] = sorted(found)
    return _seen[key]
