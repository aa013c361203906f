"""What files call the columns, in English and Swedish; beside the six names because it is only data.

Of several columns for one field the name that comes first here counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from unicodedata import normalize

from patrongraph.imports.layout import PEOPLE


@dataclass(frozen=True, slots=True)
class Dialect:
    """What the columns of one format are called.

    `names` has a field's columns, best first. Each of `needed` names fields of which one must be there.
    `first_filled` are the fields that take the first of their columns that has something in a row. `parts`
    are the columns of a field that is put together: those of one group with spaces, the groups with commas.
    `respelled`: dates and flags are another system's. `fields` is what a mapping may name.
    """

    names: Mapping[str, Sequence[str]]
    needed: Sequence[Sequence[str]]
    first_filled: frozenset[str] = frozenset()
    parts: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    respelled: bool = False
    fields: Sequence[str] = PEOPLE.column_names


WHO = (("external_id", "barcode", "username"),)
STATUS_FIELDS = ("library", "username", "enabled")
_SYNONYMS: dict[str, tuple[str, ...]] = {
    "library": ("library code", "bibliotek", "bibliotekskod"),
    "external_id": ("external id", "extern id", "externt id", "student id", "patron id", "låntagar id", "elev id"),
    "barcode": (
        "barcode", "card number", "library card", "library card number", "patron barcode", "card",
        "streckkod", "kortnummer", "lånekort", "lånekortsnummer", "bibliotekskort", "bibliotekskortsnummer",
    ),
    "username": ("username", "login", "login name", "användarnamn", "inloggningsnamn"),
    "first_name": ("first name", "given name", "given names", "forename", "förnamn"),
    "middle_name": ("middle name", "middle names", "mellannamn"),
    "last_name": ("last name", "surname", "family name", "efternamn"),
    "preferred_name": ("preferred name", "known as", "tilltalsnamn"),
    "date_of_birth": ("date of birth", "birth date", "birthday", "dob", "born", "födelsedatum", "född"),
    "email": ("email", "email address", "mail", "e-post", "e-postadress", "mejl", "mejladress", "mailadress"),
    "phone": (
        "phone", "phone number", "telephone", "telephone number", "mobile", "mobile phone", "mobile number",
        "cell phone", "telefon", "telefonnummer", "mobil", "mobiltelefon", "mobilnummer",
    ),
    "street": ("street", "street address", "address", "address 1", "address line 1", "gatuadress", "gata", "adress"),
    "postal_code": ("postal code", "postcode", "zip", "zip code", "postnummer", "postnr"),
    "city": ("city", "town", "postort", "ort", "stad"),
    "region": ("region", "state", "province", "county", "län"),
    "country": ("country", "land"),
    "category": (
        "category", "patron category", "patron type", "patron group", "user group",
        "kategori", "låntagarkategori", "låntagartyp", "låntagargrupp",
    ),
    "cohort": ("cohort", "year group", "grade", "årskurs", "årskull"),
    "branch": ("branch", "branch code", "home branch", "home library", "filial", "hembibliotek", "biblioteksfilial"),
    "registered_at": ("registered at", "registered", "registered on", "registration date", "date registered",
                      "registrerad", "registreringsdatum"),
    "expires_on": ("expires on", "expires", "expiry", "expiry date", "expiration date", "valid until",
                   "giltig till", "giltigt till", "utgångsdatum"),
    "enabled": ("enabled", "active", "is active", "aktiv", "aktiverad"),
    "notes": ("notes", "note", "comment", "comments", "remarks",
              "anteckningar", "anteckning", "notering", "kommentar"),
}  # fmt: skip
_SECRETS = {
    "pin", "pin code", "pin number", "pin hash", "passphrase", "pass phrase", "pwd", "secret", "pinkod",
    "personlig kod",
}  # fmt: skip
_PARTS_OF_SECRETS = ("password", "passwd", "lösenord")


def normal(name: str) -> str:
    """Return what two names for the same column have in common: no case, spaces, underscores or hyphens."""
    plain = normalize("NFC", name).casefold()
    return "".join(letter for letter in plain if letter.isprintable() and letter not in " _-")


_SECRET_NAMES = frozenset(map(normal, _SECRETS))


def is_secret(name: str) -> bool:
    """Tell whether a column holds PINs or passwords, by its name."""
    plain = normal(name)
    return plain in _SECRET_NAMES or any(part in plain for part in _PARTS_OF_SECRETS)


PATRONS = Dialect(names={name: (name, *_SYNONYMS[name]) for name in PEOPLE.column_names}, needed=WHO)
STATUS = Dialect(
    names={name: PATRONS.names[name] for name in STATUS_FIELDS},
    needed=(("username",), ("enabled",)),
    fields=STATUS_FIELDS,
)
