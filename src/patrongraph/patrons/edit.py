"""A patron is edited section by section, by staff who saw the present version; the PIN is a section of its own.

A file of its own, because `actions` is about status only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import asyncpg

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import Actor
from patrongraph.jobs import idempotency
from patrongraph.patrons import problems, rules
from patrongraph.patrons.pins import hash_pin
from patrongraph.patrons.register import barcode_taken, check_stored, insert_addresses, username_taken
from patrongraph.patrons.rules import PostalAddress, Reasons
from patrongraph.problems import InputReason, invalid_fields, not_found
from patrongraph.staff.actions import end_patron_sessions


class Section(StrEnum):
    """What one edit is about."""

    IDENTITY = "IDENTITY"
    CONTACT = "CONTACT"
    ADDRESSES = "ADDRESSES"
    LIBRARY = "LIBRARY"
    NOTES = "NOTES"


COLUMNS = {
    Section.IDENTITY: ("first_name", "middle_name", "last_name", "preferred_name", "date_of_birth"),
    Section.CONTACT: ("email", "phone"),
    Section.ADDRESSES: (),
    Section.LIBRARY: ("username", "category", "branch_id", "cohort_id", "expires_on", "protected"),
    Section.NOTES: ("notes",),
}
"""The columns of patron that a section may change; the library section has the card besides."""


def _update(columns: Sequence[str]) -> str:
    sets = "".join(f"{column} = ${place}, " for place, column in enumerate(columns, start=2))
    return f"UPDATE patron SET {sets}version = version + 1, updated_at = now() WHERE id = $1 RETURNING id"


# Writes all columns of a section, those not given as they were.
UPDATES = {section: _update(columns) for section, columns in COLUMNS.items()}

# Holds the patron still, and says what an edit starts from.
LOCK = """
SELECT id, version, first_name, middle_name, last_name, preferred_name, date_of_birth, email, phone, username,
       category, branch_id, cohort_id, expires_on, protected, notes,
       (SELECT card.barcode FROM card WHERE card.patron_id = patron.id AND card.active
        ORDER BY card.id DESC LIMIT 1) AS barcode
FROM patron WHERE id = $1 AND library_id = $2 FOR NO KEY UPDATE
"""

# The addresses, in the order in which they were given.
ADDRESSES = """
SELECT kind, street, postal_code, city, region, country FROM address
WHERE patron_id = $1 AND library_id = $2 ORDER BY id
"""

DELETE_ADDRESSES = "DELETE FROM address WHERE patron_id = $1 AND library_id = $2 RETURNING id"

# A patron opens the door with one card: the others stay as names of theirs, and open nothing.
RETIRE_CARDS = """
UPDATE card SET active = false WHERE patron_id = $1 AND library_id = $2 AND active AND barcode <> $3 RETURNING id
"""

# Issues a card, or takes an old one of the same patron back into use; never another patron's.
ISSUE_CARD = """
INSERT INTO card (library_id, patron_id, barcode, active, created_at) VALUES ($2, $1, $3, true, now())
ON CONFLICT (library_id, barcode) DO UPDATE SET active = true WHERE card.patron_id = $1
RETURNING id
"""

LOCK_PATRON = "SELECT id FROM patron WHERE id = $1 AND library_id = $2 FOR NO KEY UPDATE"

SET_PIN = """
INSERT INTO patron_pin (patron_id, library_id, pin_hash, changed_at) VALUES ($1, $2, $3, now())
ON CONFLICT (patron_id)
DO UPDATE SET pin_hash = excluded.pin_hash, failed_attempts = 0, locked_until = NULL, changed_at = now()
RETURNING patron_id
"""

DELETE_PIN = "DELETE FROM patron_pin WHERE patron_id = $1 RETURNING patron_id"


@dataclass(frozen=True, slots=True)
class Edited:
    """The patron, and whether the edit changed anything."""

    patron_id: int
    changed: bool


async def edit(
    actor: Actor,
    patron_id: int,
    version: int,
    section: Section,
    given: Mapping[str, object],
    *,
    addresses: Sequence[PostalAddress] = (),
    idempotency_key: str | None = None,
) -> Edited:
    """Change one section of a patron whose version is still this one; what is as asked already stays untouched.

    `given` names columns of the section, and `barcode` in the library section; `addresses` replace all that the
    patron has, in that section. Raises Refused: NOT_FOUND, VERSION_CONFLICT, INVALID_INPUT, BARCODE_TAKEN,
    USERNAME_TAKEN, IDEMPOTENCY_MISMATCH.
    """
    reasons = Reasons(f"input.section.{section.value.lower()}")
    request = (patron_id, version, section, given, addresses)
    async with db.transaction():
        earlier = await idempotency.find(actor, idempotency_key, "editPatron", request)
        if earlier is not None:
            await _lock(actor, earlier["patron_id"])
            return Edited(earlier["patron_id"], earlier["changed"])
        patron = await _lock(actor, patron_id)
        if patron["version"] != version:
            raise problems.version_conflict(patron_id, version, patron["version"])
        # What stays as it is need not keep today's rules: an import may have brought it.
        values = rules.clean({name: value for name, value in given.items() if value != patron[name]}, reasons)
        if values.get("protected", True) is None:
            message = "An account is protected or it is not: say true or false."
            reasons.add("protected", message, InputReason.REQUIRED)
        if values.keys() & {"first_name", "last_name"}:
            rules.check_name({**patron, **values}, reasons)
        homes = await _new_addresses(actor, patron_id, addresses, reasons) if section is Section.ADDRESSES else None
        await check_stored(actor, values, reasons, patron_id)
        if reasons.found:
            raise problems.account_refused(reasons.found)
        changes = [name for name, value in values.items() if patron[name] != value]
        if homes is not None:
            await db.rows(DELETE_ADDRESSES, patron_id, actor.library)
            await insert_addresses(actor, patron_id, homes)
            changes.append("addresses")
        if changes:
            await _update_patron(patron, section, values, reasons)
            if "barcode" in changes:
                await _issue_card(actor, patron_id, values["barcode"], reasons)
            codes = sorted(name.upper() for name in changes)
            await record(actor, "patron.edit", ("patron", patron_id), section=section.value, fields=codes)
        await idempotency.remember(actor, idempotency_key, {"patron_id": patron_id, "changed": bool(changes)})
    return Edited(patron_id, bool(changes))


async def set_pin(actor: Actor, patron_id: int, pin: str | None) -> int:
    """Give the patron this PIN, or with None take it away; either way the patron is signed out everywhere.

    Raises Refused: NOT_FOUND, INVALID_INPUT, SIGN_IN_BUSY.
    """
    reasons = Reasons("input")
    if pin is not None:
        rules.check_pin(pin, reasons)
        if reasons.found:
            raise invalid_fields(reasons.found)
    pin_hash = None if pin is None else await hash_pin(pin)
    async with db.transaction():
        if await db.value(LOCK_PATRON, patron_id, actor.library) is None:
            raise not_found("The patron")
        if pin_hash is not None:
            changed = await db.value(SET_PIN, patron_id, actor.library, pin_hash)
        else:
            changed = await db.value(DELETE_PIN, patron_id)
        ended = await end_patron_sessions([patron_id])
        if changed is not None:
            await record(actor, "patron.set_pin", ("patron", patron_id), removed=pin is None, sessions=ended)
    return patron_id


async def _lock(actor: Actor, patron_id: int) -> asyncpg.Record:
    patron = await db.row(LOCK, patron_id, actor.library)
    if patron is None:
        raise not_found("The patron")
    return patron


async def _update_patron(
    patron: asyncpg.Record, section: Section, values: Mapping[str, object], reasons: Reasons
) -> None:
    merged = {**patron, **values}
    try:
        await db.value(UPDATES[section], patron["id"], *(merged[column] for column in COLUMNS[section]))
    except asyncpg.UniqueViolationError:  # somebody else took the username a moment ago
        username_taken(reasons)
        raise problems.account_refused(reasons.found) from None


async def _issue_card(actor: Actor, patron_id: int, barcode: object, reasons: Reasons) -> None:
    await db.rows(RETIRE_CARDS, patron_id, actor.library, barcode)
    if await db.value(ISSUE_CARD, patron_id, actor.library, barcode) is None:
        barcode_taken(reasons)
        raise problems.account_refused(reasons.found)


async def _new_addresses(
    actor: Actor, patron_id: int, given: Sequence[PostalAddress], reasons: Reasons
) -> list[PostalAddress] | None:
    """Return the addresses to store, or None when the patron has just these."""
    present = [tuple(row) for row in await db.rows(ADDRESSES, patron_id, actor.library)]
    if present == [(home.kind.value, *home.lines()) for home in given]:
        return None
    homes = rules.clean_addresses(given, Reasons("input.section", reasons.found))
    return None if present == [(home.kind.value, *home.lines()) for home in homes] else homes
