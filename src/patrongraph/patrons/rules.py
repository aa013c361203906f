"""What the fields of an account may hold: a file of its own, because registering, editing and PINs all ask it.

Nothing here reads the database. Reasons are collected, so that a form is told all of them at once.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from unicodedata import normalize

from patrongraph.db import storable
from patrongraph.patrons.models import AddressKind
from patrongraph.problems import InputReason, InvalidField, ProblemCode

LONGEST_NOTES = 10_000
MOST_ADDRESSES = 10
OLDEST_YEARS = 130
FURTHEST_YEARS = 100
PIN_SHORTEST, PIN_LONGEST = 4, 12

EMAIL_PATTERN = r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+"
BARCODE_PATTERN = r"[!-~]+"
"""Regular expressions of the whole text; an import puts the same to PostgreSQL, with \\s written out."""

_EMAIL = re.compile(EMAIL_PATTERN)
_BARCODE = re.compile(BARCODE_PATTERN)
_PIN = re.compile(rf"[0-9]{{{PIN_SHORTEST},{PIN_LONGEST}}}")
_DIGITS_UP = "01234567890123456789012"


@dataclass(frozen=True, slots=True)
class Text:
    """A text column: what people call it, its length, and whether it may be null and have lines."""

    name: str
    longest: int
    nullable: bool = True
    lines: bool = False


TEXTS = {
    "first_name": Text("given name", 200, nullable=False),
    "middle_name": Text("middle name", 200),
    "last_name": Text("family name", 200, nullable=False),
    "preferred_name": Text("preferred name", 200),
    "email": Text("e-mail address", 320),
    "phone": Text("telephone number", 60),
    "category": Text("category", 100, nullable=False),
    "username": Text("username", 100),
    "barcode": Text("barcode", 100, nullable=False),
    "notes": Text("notes", LONGEST_NOTES, lines=True),
}

LENGTHS = {"street": 200, "postal_code": 20, "city": 100, "region": 100, "country": 100}


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """One address as it was given."""

    kind: AddressKind = AddressKind.HOME
    street: str = ""
    postal_code: str = ""
    city: str = ""
    region: str = ""
    country: str = ""

    def lines(self) -> tuple[str, ...]:
        """Return everything but the kind."""
        return self.street, self.postal_code, self.city, self.region, self.country


@dataclass(slots=True)
class Reasons:
    """Collects what is wrong; `root` is the path of the input object that holds the fields."""

    root: str
    found: list[InvalidField] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def add(
        self,
        name: str,
        message: str,
        reason: InputReason,
        limit: int | None = None,
        code: ProblemCode = ProblemCode.INVALID_INPUT,
    ) -> None:
        """Note one reason against a field, named as a column is; `limit` is the bound that the value breaks."""
        first, *rest = name.split("_")
        path = f"{self.root}.{first}{''.join(map(str.title, rest))}"
        self.names.add(name)
        self.found.append(InvalidField(field=path, code=code, message=message, reason=reason, limit=limit))


def clean(given: Mapping[str, object], reasons: Reasons) -> dict[str, object]:
    """Return columns as they are stored: text trimmed, and nothing as null or, where a column has none, as ''."""
    cleaned: dict[str, object] = {}
    for name, value in given.items():
        if name in TEXTS:
            cleaned[name] = _text(name, value, reasons)
        elif isinstance(value, dt.date):
            cleaned[name] = _day(name, value, reasons)
        else:
            cleaned[name] = value
    return cleaned


def check_name(values: Mapping[str, object], reasons: Reasons) -> None:
    """Note when there is no name to call the patron by."""
    if not values.get("first_name") and not values.get("last_name"):
        reasons.add("last_name", "A patron needs a given name or a family name.", InputReason.REQUIRED)


def clean_addresses(given: Sequence[PostalAddress], reasons: Reasons) -> list[PostalAddress]:
    """Return the addresses as they are stored."""
    if len(given) > MOST_ADDRESSES:
        message = f"A patron may have {MOST_ADDRESSES} addresses."
        reasons.add("addresses", message, InputReason.TOO_MANY, MOST_ADDRESSES)
        return []
    cleaned = []
    for place, address in enumerate(given):
        here = Reasons(f"{reasons.root}.addresses.{place}", reasons.found)
        parts = {name: _part(name, getattr(address, name), here) for name in LENGTHS}
        if not any(parts.values()):
            message = "An address needs at least one of its lines."
            reasons.add(f"addresses.{place}", message, InputReason.REQUIRED)
        cleaned.append(PostalAddress(kind=address.kind, **parts))
    return cleaned


def check_pin(pin: str, reasons: Reasons) -> None:
    """Note when a PIN is anything but digits, or among the first that are guessed."""
    if not _PIN.fullmatch(pin):
        message = f"A PIN has {PIN_SHORTEST} to {PIN_LONGEST} digits and nothing else."
        reasons.add("pin", message, *_no_pin(pin))
    elif len(set(pin)) == 1 or pin in _DIGITS_UP or pin[::-1] in _DIGITS_UP:
        message = "This PIN is among the first that are guessed: choose another."
        reasons.add("pin", message, InputReason.GUESSABLE)


def _no_pin(pin: str) -> tuple[InputReason, int | None]:
    if re.search("[^0-9]", pin):
        return InputReason.NOT_DIGITS, None
    if len(pin) < PIN_SHORTEST:
        return InputReason.TOO_SHORT, PIN_SHORTEST
    return InputReason.TOO_LONG, PIN_LONGEST


def _text(name: str, value: object, reasons: Reasons) -> str | None:
    rule = TEXTS[name]
    # The same letters arrive composed or decomposed, by keyboard and system.
    text = normalize("NFC", str(value)).strip() if value is not None else ""
    if not _printable(text, lines=rule.lines):
        reasons.add(name, f"The {rule.name} holds a character that cannot be shown.", InputReason.NOT_PRINTABLE)
    elif len(text) > rule.longest:
        message = f"The {rule.name} may have at most {rule.longest} characters."
        reasons.add(name, message, InputReason.TOO_LONG, rule.longest)
    elif name == "barcode" and not _BARCODE.fullmatch(text):
        message = "A barcode has letters, digits and signs without accents, and no spaces."
        reasons.add(name, message, InputReason.NOT_A_BARCODE if text else InputReason.REQUIRED)
    elif name == "email" and text and not _EMAIL.fullmatch(text):
        reasons.add(name, "An e-mail address is written like anna@example.org.", InputReason.NOT_AN_EMAIL)
    elif name == "username" and any(map(str.isspace, text)):
        reasons.add(name, "A username has no spaces.", InputReason.HAS_SPACE)
    return text or (None if rule.nullable else "")


def _day(name: str, value: dt.date, reasons: Reasons) -> dt.date:
    today = dt.datetime.now(dt.UTC).date()
    if name == "date_of_birth" and value > today:
        reasons.add(name, "The date of birth lies in the future.", InputReason.IN_FUTURE)
    elif name == "date_of_birth" and value.year < today.year - OLDEST_YEARS:
        message = f"The date of birth lies more than {OLDEST_YEARS} years back."
        reasons.add(name, message, InputReason.TOO_FAR, OLDEST_YEARS)
    elif abs(value.year - today.year) > FURTHEST_YEARS and name == "expires_on":
        message = f"The account's last day lies more than {FURTHEST_YEARS} years away."
        reasons.add(name, message, InputReason.TOO_FAR, FURTHEST_YEARS)
    return value


def check_not_expired(values: Mapping[str, object], reasons: Reasons) -> None:
    """Note when a new account could not be used for a day."""
    last_day = values.get("expires_on")
    if isinstance(last_day, dt.date) and last_day < dt.datetime.now(dt.UTC).date():
        reasons.add("expires_on", "The last day of a new account lies in the past.", InputReason.IN_PAST)


def _part(name: str, value: str, reasons: Reasons) -> str:
    text = normalize("NFC", value).strip()
    if not _printable(text, lines=False):
        reasons.add(name, "The address holds a character that cannot be shown.", InputReason.NOT_PRINTABLE)
    elif len(text) > LENGTHS[name]:
        message = f"This line of the address may have at most {LENGTHS[name]} characters."
        reasons.add(name, message, InputReason.TOO_LONG, LENGTHS[name])
    return text


def _printable(text: str, *, lines: bool) -> bool:
    kept = text.replace("\n", "").replace("\r", "").replace("\t", "") if lines else text
    return storable(text) and not any(char < " " or "\x7f" <= char <= "\x9f" for char in kept)
