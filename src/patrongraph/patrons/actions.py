"""A patron is switched off and on again by one status; every change raises the version and is audited."""

from collections.abc import Sequence
from dataclasses import dataclass

from patrongraph import db
from patrongraph.audit.actions import record_many
from patrongraph.context import Actor
from patrongraph.patrons import problems
from patrongraph.patrons.models import PatronStatus
from patrongraph.problems import invalid
from patrongraph.staff.actions import end_patron_sessions

# Holds the patrons still, in id order, as every other writer does.
LOCK_PATRONS = """
SELECT id, status FROM patron WHERE id = ANY($1::bigint[]) AND library_id = $2 ORDER BY id FOR NO KEY UPDATE
"""

SET_STATUS = """
UPDATE patron SET status = $2, status_changed_at = now(), updated_at = now(), version = version + 1
WHERE id = ANY($1::bigint[])
RETURNING id
"""

ACTIONS = {PatronStatus.INACTIVE: "patron.deactivate", PatronStatus.ACTIVE: "patron.reactivate"}
"""What the audit calls a change to a status."""


@dataclass(frozen=True, slots=True)
class StatusOutcome:
    """What became of one patron: changed, or as asked for already."""

    patron_id: int
    changed: bool


async def deactivate(actor: Actor, patron_ids: Sequence[int]) -> list[StatusOutcome]:
    """Make these patrons INACTIVE, all or none; one that waits for its purge is inactive already.

    Raises Refused: TOO_MANY above 200, INVALID_INPUT for none, NOT_FOUND when any is not the library's.
    """
    return await _set_status(actor, patron_ids, PatronStatus.ACTIVE, PatronStatus.INACTIVE)


async def reactivate(actor: Actor, patron_ids: Sequence[int]) -> list[StatusOutcome]:
    """Make these patrons ACTIVE again, all or none.

    Raises Refused: TOO_MANY above 200, INVALID_INPUT for none or when one waits for its purge (it must be
    restored first), NOT_FOUND when any is not the library's.
    """
    return await _set_status(actor, patron_ids, PatronStatus.INACTIVE, PatronStatus.ACTIVE)


async def change_status(
    actor: Actor, patron_ids: Sequence[int], after: PatronStatus, *, job_id: int | None = None
) -> None:
    """Make patrons ACTIVE or INACTIVE in the caller's transaction: the one road to it, for any number of them.

    The caller has locked them in id order and seen that each is INACTIVE, or ACTIVE, before. Whoever is deactivated
    is signed out. `job_id` is named in the audit when a job does it.
    """
    if not patron_ids:
        return
    await db.rows(SET_STATUS, list(patron_ids), after.value)
    if after is not PatronStatus.ACTIVE:
        await end_patron_sessions(patron_ids)
    await record_many(actor, ACTIONS[after], "patron", patron_ids, job_id=job_id)


async def _set_status(
    actor: Actor, patron_ids: Sequence[int], before: PatronStatus, after: PatronStatus
) -> list[StatusOutcome]:
    asked = list(dict.fromkeys(patron_ids))
    if not asked:
        raise invalid("input.patronIds", "Name at least one patron.")
    if len(asked) > problems.MOST_AT_ONCE:
        raise problems.too_many(len(asked), problems.MOST_AT_ONCE)
    async with db.transaction():
        locked = {row["id"]: row["status"] for row in await db.rows(LOCK_PATRONS, asked, actor.library)}
        if len(locked) < len(asked):
            raise problems.patrons_not_found(len(asked) - len(locked), len(asked))
        pending = sum(status == PatronStatus.PENDING_PURGE for status in locked.values())
        if pending and after is PatronStatus.ACTIVE:
            raise invalid("input.patronIds", f"{pending} of them wait for their purge: restore them first.")
        changed = [patron_id for patron_id in sorted(locked) if locked[patron_id] == before]
        await change_status(actor, changed, after)
    as_set = frozenset(changed)
    return [StatusOutcome(patron_id, patron_id in as_set) for patron_id in asked]
