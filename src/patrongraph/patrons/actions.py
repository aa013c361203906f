"""A patron is switched off and on again by one status; every change raises the version and is audited."""

from collections.abc import Sequence
from dataclasses import dataclass

from patrongraph import db
from patrongraph.audit.actions import record_many
from patrongraph.context import Actor
from patrongraph.patrons import problems
from patrongraph.patrons.models import PatronStatus
from patrongraph.problems import InputReason, invalid
from patrongraph.staff.actions import end_patron_sessions

# Holds the patrons still, in id order, as every other writer does.
LOCK_PATRONS = """
SELECT id, status FROM patron WHERE id = ANY($1::bigint[]) AND library_id = $2 ORDER BY id FOR NO KEY UPDATE
"""

# Moves those that are in the first status to the second; the others stay as they are.
SET_STATUS = """
WITH changed AS (
    UPDATE patron SET status = $3, status_changed_at = now(), updated_at = now(), version = version + 1
    WHERE id = ANY($1::bigint[]) AND status = $2
    RETURNING id
)
SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM changed
"""

ACTIONS = {PatronStatus.INACTIVE: "patron.deactivate", PatronStatus.ACTIVE: "patron.reactivate"}
"""What the audit calls a change to a status."""

BEFORE = {PatronStatus.INACTIVE: PatronStatus.ACTIVE, PatronStatus.ACTIVE: PatronStatus.INACTIVE}
"""The only status that a change to a status starts from."""


@dataclass(frozen=True, slots=True)
class StatusOutcome:
    """What became of one patron: changed, or as asked for already."""

    patron_id: int
    changed: bool


async def deactivate(actor: Actor, patron_ids: Sequence[int]) -> list[StatusOutcome]:
    """Make these patrons INACTIVE, all or none; one that waits for its purge is inactive already.

    Raises Refused: TOO_MANY above 200, INVALID_INPUT for none, NOT_FOUND when any is not the library's.
    """
    return await _set_status(actor, patron_ids, PatronStatus.INACTIVE)


async def reactivate(actor: Actor, patron_ids: Sequence[int]) -> list[StatusOutcome]:
    """Make these patrons ACTIVE again, all or none.

    Raises Refused: TOO_MANY above 200, INVALID_INPUT for none or when one waits for its purge (it must be
    restored first), NOT_FOUND when any is not the library's.
    """
    return await _set_status(actor, patron_ids, PatronStatus.ACTIVE)


async def change_status(
    actor: Actor, locked_ids: Sequence[int], after: PatronStatus, *, job_id: int | None = None
) -> list[int]:
    """Make those of these patrons that are ACTIVE INACTIVE, or the other way; return whom it changed, ascending.

    The one road to it, for any number of them, in the caller's transaction; the caller has locked the patrons, who are
    its library's. Whoever is deactivated is signed out; each change is one audit event, with the job that does it.
    """
    if not locked_ids:
        return []
    changed: list[int] = await db.value(SET_STATUS, locked_ids, BEFORE[after].value, after.value)
    if changed:
        if after is not PatronStatus.ACTIVE:
            await end_patron_sessions(changed)
        await record_many(actor, ACTIONS[after], "patron", changed, job_id=job_id)
    return changed


async def _set_status(actor: Actor, patron_ids: Sequence[int], after: PatronStatus) -> list[StatusOutcome]:
    asked = list(dict.fromkeys(patron_ids))
    if not asked:
        raise invalid("input.patronIds", "Name at least one patron.", InputReason.REQUIRED)
    if len(asked) > problems.MOST_AT_ONCE:
        raise problems.too_many(len(asked), problems.MOST_AT_ONCE)
    async with db.transaction():
        locked = {row["id"]: row["status"] for row in await db.rows(LOCK_PATRONS, asked, actor.library)}
        if len(locked) < len(asked):
            raise problems.patrons_not_found(len(asked) - len(locked), len(asked))
        pending = sum(status == PatronStatus.PENDING_PURGE for status in locked.values())
        if pending and after is PatronStatus.ACTIVE:
            message = f"{pending} of them wait for their purge: restore them first."
            raise invalid("input.patronIds", message, InputReason.NOT_ALLOWED)
        changed = await change_status(actor, sorted(locked), after)
    as_set = frozenset(changed)
    return [StatusOutcome(patron_id, patron_id in as_set) for patron_id in asked]
