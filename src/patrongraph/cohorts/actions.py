"""Cohorts make chains that end; at most one of a library is the graduated one, and it is an end."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.cohorts import problems, queries
from patrongraph.cohorts.queries import Link
from patrongraph.context import Actor
from patrongraph.jobs import idempotency
from patrongraph.problems import InputReason, InvalidField, invalid_field, invalid_fields, not_found, wrong_text

LONGEST_CODE = 40
LONGEST_NAME = 200

INSERT_COHORT = """
INSERT INTO cohort (library_id, code, name, next_cohort_id, graduated) VALUES ($1, $2, $3, $4, $5) RETURNING id
"""

UPDATE_COHORT = """
UPDATE cohort SET code = $3, name = $4, next_cohort_id = $5, graduated = $6 WHERE id = $2 AND library_id = $1
RETURNING id
"""

# Holds the cohort against patrons who would join it: from here on its members can be counted.
LOCK_COHORT = "SELECT id FROM cohort WHERE id = $1 AND library_id = $2 FOR UPDATE"

COUNT_MEMBERS = "SELECT count(*)::int FROM patron WHERE cohort_id = $1"

DELETE_COHORT = "DELETE FROM cohort WHERE id = $1 AND library_id = $2 RETURNING id"


@dataclass(frozen=True, slots=True)
class Updated:
    """The cohort, and whether anything of it is other than before."""

    id: int
    changed: bool


async def create(
    actor: Actor,
    *,
    code: str,
    name: str,
    next_id: int | None = None,
    graduated: bool = False,
    idempotency_key: str | None = None,
) -> int:
    """Add a cohort to the actor's library and return its id.

    Raises Refused: INVALID_INPUT for a code or name that is none, and for a graduated cohort with a next one,
    COHORT_CODE_TAKEN, GRADUATED_TAKEN, NOT_FOUND when the next one is not the library's, IDEMPOTENCY_MISMATCH.
    """
    wanted = Link(0, _one_line(code), _one_line(name), next_id, graduated)
    async with db.transaction():
        earlier = await idempotency.find(actor, idempotency_key, "createCohort", asdict(wanted))
        if earlier is not None:
            return int(earlier["cohort"])
        await queries.hold(actor.library)
        _check(wanted, await queries.chain(actor.library))
        made: int = await db.value(INSERT_COHORT, actor.library, *_columns(wanted))
        await record(actor, "cohort.create", ("cohort", made), next=next_id, graduated=graduated)
        await idempotency.remember(actor, idempotency_key, {"cohort": made})
    return made


async def update(actor: Actor, cohort_id: int, changes: Mapping[str, Any]) -> Updated:
    """Change what `changes` names of a cohort: code, name, next_id (or None), graduated; the rest stays.

    A rollover that has begun goes on as it was settled. Raises Refused as create() does, NOT_FOUND also for the
    cohort itself, and COHORT_CYCLE when the chain would come back to it.
    """
    async with db.transaction():
        await queries.hold(actor.library)
        chain = await queries.chain(actor.library)
        if cohort_id not in chain:
            raise not_found("The cohort")
        before = chain[cohort_id]
        wanted = replace(before, **changes)
        wanted = replace(wanted, code=_one_line(wanted.code), name=_one_line(wanted.name))
        if wanted == before:
            return Updated(cohort_id, changed=False)
        _check(wanted, chain)
        await db.value(UPDATE_COHORT, actor.library, cohort_id, *_columns(wanted))
        names = ("code", "name", "next_id", "graduated")
        what = [name.upper() for name in names if getattr(wanted, name) != getattr(before, name)]
        subject = ("cohort", cohort_id)
        await record(actor, "cohort.update", subject, changed=what, next=wanted.next_id, graduated=wanted.graduated)
    return Updated(cohort_id, changed=True)


async def delete(actor: Actor, cohort_id: int) -> None:
    """Delete a cohort that nobody is in and that is no other's next one.

    Raises Refused: NOT_FOUND, COHORT_IN_USE with both counts.
    """
    async with db.transaction():
        await queries.hold(actor.library)
        if await db.value(LOCK_COHORT, cohort_id, actor.library) is None:
            raise not_found("The cohort")
        members: int = await db.value(COUNT_MEMBERS, cohort_id)
        chain = await queries.chain(actor.library)
        previous = [each.code for each in chain.values() if each.next_id == cohort_id]
        if members or previous:
            raise problems.in_use(members, previous)
        await db.value(DELETE_COHORT, cohort_id, actor.library)
        await record(actor, "cohort.delete", ("cohort", cohort_id))


def _columns(wanted: Link) -> tuple[str, str, int | None, bool]:
    return wanted.code, wanted.name, wanted.next_id, wanted.graduated


def _check(wanted: Link, chain: Mapping[int, Link]) -> None:
    """Refuse what may not stand beside the library's other cohorts; a new cohort has the id 0."""
    wrong = _wrong_fields(wanted)
    if wrong:
        raise invalid_fields(wrong)
    others = [each for each in chain.values() if each.id != wanted.id]
    if wanted.next_id is not None and wanted.next_id not in chain:
        raise not_found("The next cohort")
    if any(each.code == wanted.code for each in others):
        raise problems.code_taken("input.code")
    if wanted.graduated:
        for each in others:
            if each.graduated:
                raise problems.graduated_taken(each.code)
    passed: dict[int, str] = {}
    follower = wanted.next_id
    while follower is not None and follower != wanted.id and follower not in passed:
        passed[follower] = chain[follower].code
        follower = chain[follower].next_id
    if follower == wanted.id:
        # By the code that it has, not by one that was sent along.
        code = chain[wanted.id].code
        raise problems.cycle([code, *passed.values(), code])


def _wrong_fields(wanted: Link) -> list[InvalidField]:
    found = []
    if not _printable(wanted.code, LONGEST_CODE):
        message = f"A cohort's code has 1 to {LONGEST_CODE} characters."
        found.append(invalid_field("input.code", message, *wrong_text(wanted.code, LONGEST_CODE)))
    if not _printable(wanted.name, LONGEST_NAME):
        message = f"A cohort's name has 1 to {LONGEST_NAME} characters."
        found.append(invalid_field("input.name", message, *wrong_text(wanted.name, LONGEST_NAME)))
    if wanted.graduated and wanted.next_id is not None:
        message = "The graduated cohort is the end of the chain: it has no next one."
        found.append(invalid_field("input.nextCohortId", message, InputReason.CONTRADICTION))
    return found


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _printable(text: str, longest: int) -> bool:
    return 1 <= len(text) <= longest and text.isprintable() and db.storable(text)
