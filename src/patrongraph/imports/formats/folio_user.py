"""One user of a FOLIO file, as a row: which properties are read, and which of several counts.

Null is the same as absent, as FOLIO has it. Of the addresses the primary one counts, else the first, and it
counts as a whole: what it lacks is empty. An empty list of addresses empties the address.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from patrongraph.imports.formats.rows import Row, storable
from patrongraph.imports.formats.spelling import day
from patrongraph.problems import InputReason

# The columns of every FOLIO file, by the path of the property; what is None is moved into its neighbour.
FIELDS: Mapping[str, str | None] = {
    "externalSystemId": "external_id",
    "barcode": "barcode",
    "username": "username",
    "active": "enabled",
    "patronGroup": "category",
    "enrollmentDate": "registered_at",
    "expirationDate": "expires_on",
    "personal.lastName": "last_name",
    "personal.firstName": "first_name",
    "personal.middleName": "middle_name",
    "personal.preferredFirstName": "preferred_name",
    "personal.email": "email",
    "personal.phone": "phone",
    "personal.mobilePhone": None,
    "personal.dateOfBirth": "date_of_birth",
    "personal.addresses.addressLine1": "street",
    "personal.addresses.addressLine2": None,
    "personal.addresses.postalCode": "postal_code",
    "personal.addresses.city": "city",
    "personal.addresses.region": "region",
    "personal.addresses.countryId": "country",
}
KNOWN = frozenset(path for path in FIELDS if path.count(".") < 2) | {"personal", "personal.addresses"}
KEPT_OF_WRONG_VALUE = 1_000
_ADDRESS = "personal.addresses."
_PATHS = [(path, *path.rpartition(".")[::2]) for path in FIELDS]
_DAYS = ("expirationDate", "personal.dateOfBirth")


def read_user(place: int, user: object, source_type: str) -> Row:
    """Return the row of one user; `source_type` goes in front of the external id."""
    if not isinstance(user, dict):
        cells = [storable(_raw(user)), *[None] * (len(FIELDS) - 1)]
        return Row(place, cells, "", f"is {_kind(user)}; a user is an object", InputReason.WRONG_KIND)
    reading = _Reading()
    reading.user(user)
    found = reading.found
    _settle(found, source_type)
    for path, text in found.items():
        if text != (kept := storable(text)):
            found[path] = kept
            wrong = "holds a character that cannot be stored; remove it"
            reading.wrongs.append((path, wrong, InputReason.NOT_PRINTABLE))
    at_fault = reading.wrongs[0] if reading.wrongs else ("", None, None)
    return Row(place, [found.get(path) for path in FIELDS], *at_fault)


@dataclass(slots=True)
class _Reading:
    """What a user says, by path, and what is wrong with it."""

    found: dict[str, str] = field(default_factory=dict)
    wrongs: list[tuple[str, str, InputReason]] = field(default_factory=list)

    def user(self, user: dict[str, object]) -> None:
        """Read all that is known."""
        personal = self._object(user.get("personal"), "personal")
        for path, inside, name in _PATHS:
            if path == "active":
                self._flag(user.get(name), path)
            elif inside in ("", "personal"):
                self._text((personal if inside else user).get(name), path)
        self._addresses(personal.get("addresses"))

    def _addresses(self, given: object) -> None:
        if given is None:
            return
        if not isinstance(given, list):
            self._wrong("personal.addresses", given, "a list")
            return
        addresses = [self._object(address, "personal.addresses") for address in given]
        primary = next((address for address in addresses if address.get("primaryAddress") is True), None)
        address = primary or (addresses[0] if addresses else {})
        for path, inside, name in _PATHS:
            if inside == "personal.addresses":
                self.found[path] = ""
                self._text(address.get(name), path)

    def _object(self, given: object, path: str) -> dict[str, object]:
        if isinstance(given, dict):
            return given
        if given is not None:
            self._wrong(path, given, "an object")
        return {}

    def _text(self, given: object, path: str) -> None:
        if isinstance(given, str):
            self.found[path] = given
        elif given is not None:
            self._wrong(path, given, "text")

    def _flag(self, given: object, path: str) -> None:
        if isinstance(given, bool):
            self.found[path] = "TRUE" if given else "FALSE"
        elif given is not None:
            self._wrong(path, given, "true or false")

    def _wrong(self, path: str, given: object, right: str) -> None:
        if path in FIELDS:
            self.found[path] = _raw(given)
        self.wrongs.append((path, f"is {_kind(given)}; it must be {right}", InputReason.WRONG_KIND))


def _settle(found: dict[str, str], source_type: str) -> None:
    """Write what was found as we write it, in the one column that counts."""
    if source_type and found.get("externalSystemId"):
        found["externalSystemId"] = f"{source_type}_{found['externalSystemId']}"
    if not found.get("personal.phone", "").strip() and (mobile := found.pop("personal.mobilePhone", "")):
        found["personal.phone"] = mobile
    lines = (found.get(f"{_ADDRESS}addressLine1", ""), found.pop(f"{_ADDRESS}addressLine2", ""))
    if street := ", ".join(line.strip() for line in lines if line.strip()):
        found[f"{_ADDRESS}addressLine1"] = street
    for path in _DAYS:
        if path in found:
            found[path] = day(found[path])


def _kind(value: object) -> str:
    words = {bool: "true or false", str: "text", list: "a list", dict: "an object", type(None): "null"}
    return words.get(type(value), "a number")


def _raw(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= KEPT_OF_WRONG_VALUE else f"{text[:KEPT_OF_WRONG_VALUE]}…"
