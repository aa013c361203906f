"""A patron is registered, alone or as a copy of a relative: a file of its own, for `actions` is about status only."""

from collections.abc import Mapping, Sequence

import asyncpg

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import Actor
from patrongraph.jobs import idempotency
from patrongraph.patrons import problems, rules
from patrongraph.patrons.membership import GroupsMoved, join
from patrongraph.patrons.pins import hash_pin
from patrongraph.patrons.rules import PostalAddress, Reasons
from patrongraph.permissions import Forbidden, Permission
from patrongraph.problems import InputReason, ProblemCode, not_found

# Holds the patron who is cloned still, and says what a clone gets of them.
LOCK_SOURCE = """
SELECT branch_id, category, phone FROM patron WHERE id = $1 AND library_id = $2 FOR NO KEY UPDATE
"""

# Whether the library has this branch and this cohort; null asks for nothing.
REFERENCES = """
SELECT $2::bigint IS NULL OR EXISTS (SELECT FROM branch WHERE id = $2 AND library_id = $1) AS branch_id,
       $3::bigint IS NULL OR EXISTS (SELECT FROM cohort WHERE id = $3 AND library_id = $1) AS cohort_id
"""

# Whether a barcode and a username are somebody else's in the library; $4 is the patron who may have them.
TAKEN = """
SELECT EXISTS (SELECT FROM card WHERE library_id = $1 AND barcode = $2
               AND patron_id IS DISTINCT FROM $4::bigint) AS barcode,
       EXISTS (SELECT FROM patron WHERE library_id = $1 AND lower(username) = lower($3)
               AND id IS DISTINCT FROM $4::bigint) AS username
"""

# Waits for another registration that has the same username in hand, and gives way to it.
INSERT_PATRON = """
INSERT INTO patron (library_id, first_name, middle_name, last_name, preferred_name, date_of_birth, email, phone,
                    category, cohort_id, branch_id, username, expires_on, notes, registered_at, updated_at,
                    status_changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, now(), now(), now())
ON CONFLICT DO NOTHING
RETURNING id
"""

COLUMNS = (
    "first_name", "middle_name", "last_name", "preferred_name", "date_of_birth", "email", "phone", "category",
    "cohort_id", "branch_id", "username", "expires_on", "notes",
)  # fmt: skip
"""The columns of INSERT_PATRON that a registration may name, in its order."""

# Likewise for the barcode.
INSERT_CARD = """
INSERT INTO card (library_id, patron_id, barcode, active, created_at) VALUES ($1, $2, $3, true, now())
ON CONFLICT DO NOTHING
RETURNING id
"""

INSERT_ADDRESSES = """
INSERT INTO address (library_id, patron_id, kind, street, postal_code, city, region, country)
SELECT $1, $2, given.kind, given.street, given.postal_code, given.city, given.region, given.country
FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]) WITH ORDINALITY
     AS given(kind, street, postal_code, city, region, country, place)
ORDER BY given.place
RETURNING id
"""

# Rows of the new patron's own; nothing is shared with the source.
COPY_ADDRESSES = """
INSERT INTO address (library_id, patron_id, kind, street, postal_code, city, region, country)
SELECT library_id, $2, kind, street, postal_code, city, region, country
FROM address WHERE patron_id = $3 AND library_id = $1 ORDER BY id
RETURNING id
"""

INSERT_PIN = """
INSERT INTO patron_pin (patron_id, library_id, pin_hash, changed_at) VALUES ($1, $2, $3, now()) RETURNING patron_id
"""

EXISTS = "SELECT EXISTS (SELECT FROM patron WHERE id = $1 AND library_id = $2)"


async def register(
    actor: Actor,
    given: Mapping[str, object],
    addresses: Sequence[PostalAddress] | None = None,
    *,
    pin: str | None = None,
    clone_from: int | None = None,
    idempotency_key: str | None = None,
) -> int:
    """Register an ACTIVE patron and return the id. `given` names columns of patron, and `barcode`.

    `clone_from` names a patron whose home branch, category, phone and addresses are copied where they are not
    given, and whose group the new patron joins; a group is made where there is none. Raises Forbidden for a clone
    without GROUPS_MANAGE, and Refused: INVALID_INPUT, NOT_FOUND, BARCODE_TAKEN, USERNAME_TAKEN, SIGN_IN_BUSY,
    IDEMPOTENCY_MISMATCH.
    """
    if clone_from is not None and Permission.GROUPS_MANAGE not in actor.permissions:
        raise Forbidden("Registering a patron into the group of another", Permission.GROUPS_MANAGE)
    reasons = Reasons("input")
    values = rules.clean(given, reasons)
    rules.check_name(values, reasons)
    rules.check_not_expired(values, reasons)
    homes = None if addresses is None else rules.clean_addresses(addresses, reasons)
    if pin is not None:
        rules.check_pin(pin, reasons)
    pin_hash = None if pin is None or reasons.found else await hash_pin(pin)
    request = (given, addresses, pin, clone_from)

    async def attempt() -> int:
        async with db.transaction():
            earlier = await idempotency.find(actor, idempotency_key, "registerPatron", request)
            if earlier is not None:
                return await _replayed(actor, earlier["patron_id"])
            source = await _lock_source(actor, clone_from, reasons)
            await check_stored(actor, values, reasons)
            if reasons.found:
                raise problems.account_refused(reasons.found)
            patron_id = await _insert(actor, {**(source or {}), **values}, reasons)
            await _insert_addresses(actor, patron_id, homes, clone_from)
            if pin_hash is not None:
                await db.value(INSERT_PIN, patron_id, actor.library, pin_hash)
            group_id = None if clone_from is None else await join(actor, patron_id, clone_from)
            await record(actor, "patron.register", ("patron", patron_id), cloned=clone_from is not None, group=group_id)
            await idempotency.remember(actor, idempotency_key, {"patron_id": patron_id})
        return patron_id

    try:
        return await attempt()
    except GroupsMoved:  # an import put the source into a group meanwhile: now it has one to join
        return await attempt()


async def check_stored(
    actor: Actor, values: Mapping[str, object], reasons: Reasons, patron_id: int | None = None
) -> None:
    """Note a branch or cohort that the library does not have, and a barcode or username that is another's."""
    known = await db.row(REFERENCES, actor.library, values.get("branch_id"), values.get("cohort_id"))
    for name, what in (("branch_id", "The home branch"), ("cohort_id", "The cohort")):
        if known is not None and not known[name]:
            message = f"{what} was not found in your library."
            reasons.add(name, message, InputReason.UNKNOWN, code=ProblemCode.NOT_FOUND)
    asked = {name: None if name in reasons.names else values.get(name) for name in ("barcode", "username")}
    taken = await db.row(TAKEN, actor.library, asked["barcode"], asked["username"], patron_id)
    for name, note in (("barcode", barcode_taken), ("username", username_taken)):
        if taken is not None and taken[name]:
            note(reasons)


def barcode_taken(reasons: Reasons) -> None:
    """Note that the barcode is another card's."""
    message = "Another card has this barcode: scan it again, or use another card."
    reasons.add("barcode", message, InputReason.TAKEN, code=ProblemCode.BARCODE_TAKEN)


def username_taken(reasons: Reasons) -> None:
    """Note that the username is another patron's."""
    message = "Another patron has this username: choose another."
    reasons.add("username", message, InputReason.TAKEN, code=ProblemCode.USERNAME_TAKEN)


async def insert_addresses(actor: Actor, patron_id: int, homes: Sequence[PostalAddress]) -> None:
    """Give the patron these addresses, in this order."""
    lines = list(zip(*(home.lines() for home in homes), strict=True))
    if lines:
        await db.rows(INSERT_ADDRESSES, actor.library, patron_id, [home.kind.value for home in homes], *lines)


async def _lock_source(actor: Actor, clone_from: int | None, reasons: Reasons) -> asyncpg.Record | None:
    if clone_from is None:
        return None
    source = await db.row(LOCK_SOURCE, clone_from, actor.library)
    if source is None:
        message = "The patron to clone was not found in your library."
        reasons.add("clone_from", message, InputReason.UNKNOWN, code=ProblemCode.NOT_FOUND)
    return source


async def _insert(actor: Actor, values: Mapping[str, object], reasons: Reasons) -> int:
    filled = {"first_name": "", "last_name": "", "category": "", **values}
    patron_id: int | None = await db.value(INSERT_PATRON, actor.library, *(filled.get(name) for name in COLUMNS))
    if patron_id is None:
        username_taken(reasons)
    elif await db.value(INSERT_CARD, actor.library, patron_id, values["barcode"]) is None:
        barcode_taken(reasons)
    if patron_id is None or reasons.found:
        raise problems.account_refused(reasons.found)
    return patron_id


async def _insert_addresses(
    actor: Actor, patron_id: int, homes: Sequence[PostalAddress] | None, clone_from: int | None
) -> None:
    if homes is not None:
        await insert_addresses(actor, patron_id, homes)
    elif clone_from is not None:
        await db.rows(COPY_ADDRESSES, actor.library, patron_id, clone_from)


async def _replayed(actor: Actor, patron_id: int) -> int:
    # Who was registered may have been erased since.
    if not await db.value(EXISTS, patron_id, actor.library):
        raise not_found("The patron that this request registered before")
    return patron_id
