"""A purge begins as one transaction: who is meant is settled, counted and written down; then workers do it."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import asyncpg
import orjson

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import Actor, system_actor
from patrongraph.erasure import problems, queries
from patrongraph.jobs import actions as jobs
from patrongraph.jobs import confirmation
from patrongraph.jobs.confirmation import Confirmation, Verdict
from patrongraph.jobs.models import JobKind
from patrongraph.jobs.queries import progress
from patrongraph.patrons.filters import PatronCriteria
from patrongraph.patrons.models import ObstacleCode
from patrongraph.patrons.problems import patrons_not_found, too_many
from patrongraph.patrons.queries import ErasureAction, obstacles, own_patrons
from patrongraph.problems import InputReason, invalid
from patrongraph.staff.actions import require_reauthentication

PURPOSE = "purge by filter"
"""What a confirmation is for; one for something else is void here."""

# One item for each patron, in id order: the order in which chunks lock them.
INSERT_ITEMS = """
WITH added AS (
    INSERT INTO job_item (job_id, library_id, patron_id, state)
    SELECT $1, $2, patron_id, 'PENDING' FROM unnest($3::bigint[]) AS patron_id ORDER BY patron_id
    RETURNING id
)
SELECT count(*)::int FROM added
"""

# Patrons whose days of grace are over, and who are in no unfinished purge.
DUE = """
SELECT patron.library_id, array_agg(patron.id ORDER BY patron.id) AS ids
FROM library JOIN patron ON patron.library_id = library.id
WHERE patron.status = 'PENDING_PURGE' AND patron.purge_after <= now()
  AND NOT EXISTS (SELECT FROM job_item item JOIN job ON job.id = item.job_id
                  WHERE item.patron_id = patron.id AND item.state = 'PENDING'
                    AND job.kind = 'PURGE' AND job.state IN ('QUEUED', 'RUNNING', 'PAUSED'))
GROUP BY patron.library_id
"""


@dataclass(frozen=True, slots=True)
class PurgeStarted:
    """The job, how many patrons it is about, and whether an earlier request with the same key had started it."""

    job_id: int
    count: int
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class PurgePreview:
    """What a purge would do now: patrons meant, patrons without obstacles, and patrons by obstacle code.

    With `grace_days` above 0 they would wait that many days before they are erased. `confirmation`: what starts
    this purge; None for patrons named by id, whom nobody need confirm.
    """

    matched: int
    purgeable: int
    obstacles: dict[str, int]
    grace_days: int
    confirmation: Confirmation | None = None


async def start(
    actor: Actor,
    *,
    patron_ids: Sequence[int] | None = None,
    criteria: PatronCriteria | None = None,
    dry_run: bool = False,
    confirm_count: int | None = None,
    confirmation_token: str | None = None,
    idempotency_key: str | None = None,
    clock: Callable[[], float] = time.time,
) -> PurgeStarted | PurgePreview:
    """Start a purge of these patrons, or of the inactive patrons that match the criteria; a dry run only counts.

    Patrons with obstacles are taken along and end SKIPPED with their codes, so that each has a reason on record;
    but whoever has outstanding loans cannot be named by id. `clock` gives seconds since 1970.
    Raises Refused: INVALID_INPUT unless exactly one of ids and criteria is given, TOO_MANY above the library's
    limit, NOT_FOUND when an id is not the library's, OUTSTANDING_LOANS, NOTHING_MATCHES, CONFIRMATION_MISMATCH
    unless confirm_count is the number that match, CONFIRMATION_VOID unless confirmation_token is what the actor's
    dry run gave for the same criteria and patrons within 15 minutes, REAUTHENTICATION_REQUIRED unless it is a dry run,
    IDEMPOTENCY_MISMATCH.
    """
    if (patron_ids is None) == (criteria is None):
        reason = InputReason.REQUIRED if patron_ids is None else InputReason.CONTRADICTION
        raise invalid("input", "Give either patron ids or a filter.", reason)
    body = _body_hash(patron_ids, criteria, confirm_count, confirmation_token)
    async with db.transaction():
        if not dry_run:
            earlier = await jobs.find_replay(actor, idempotency_key, body)
            if earlier is not None:
                return await _replayed(actor, earlier)
            await require_reauthentication(actor)
        policy = await db.row(queries.POLICY, actor.library)
        if policy is None:
            raise LookupError("the actor's library is gone")
        if criteria is None:
            by, ids = ["IDS"], await _named(actor, patron_ids or (), policy["max_purge_per_operation"])
            if not dry_run:
                await _check_taggable(actor, ids)
        else:
            by, ids = ["FILTER", *(name.upper() for name in criteria.parts())], await _matching(actor, criteria)
        if dry_run:
            return await _preview(actor, criteria, ids, policy, int(clock()))
        if criteria is not None:
            if confirm_count != len(ids):
                raise problems.confirmation_mismatch(confirm_count, len(ids))
            about = _confirmed(criteria, ids, policy)
            verdict = confirmation.judge(confirmation_token or "", actor, PURPOSE, about, int(clock()))
            if verdict is not Verdict.HOLDS:
                raise problems.purge_confirmation_void(expired=verdict is Verdict.EXPIRED)
        job_id = await create_job(actor, ids, {"by": by}, idempotency_key, body)
    await jobs.announce([job_id])
    return PurgeStarted(job_id, len(ids))


async def start_due() -> list[int]:
    """Start a purge in every library that has patrons whose days of grace are over; return the job ids."""
    started: list[int] = []
    async with db.transaction():
        for due in await db.rows(DUE):
            actor = system_actor(due["library_id"])
            started.append(await create_job(actor, due["ids"], {"by": ["GRACE_OVER"]}))
    await jobs.announce(started)
    return started


async def create_job(
    actor: Actor, ids: list[int], params: dict[str, object], key: str | None = None, body: str | None = None
) -> int:
    """Write a purge of these patrons down in the caller's transaction, the only road to one; return the job's id.

    After the commit the caller announces the job. `params["by"]` says in codes how the patrons were chosen.
    """
    job = await jobs.create(actor, JobKind.PURGE, params, itemised=True, idempotency_key=key, body_hash=body)
    count = await db.value(INSERT_ITEMS, job.id, actor.library, ids)
    await record(actor, "purge.start", ("job", job.id), job_id=job.id, patrons=count, **params)
    return job.id


async def _named(actor: Actor, patron_ids: Sequence[int], limit: int) -> list[int]:
    asked = sorted(set(patron_ids))
    if not asked:
        raise invalid("input.patronIds", "Name at least one patron.", InputReason.REQUIRED)
    if len(asked) > limit:
        raise too_many(len(asked), limit)
    own = await own_patrons(actor.library, asked)
    if len(own) < len(asked):
        raise patrons_not_found(len(asked) - len(own), len(asked))
    return own


async def _check_taggable(actor: Actor, ids: Sequence[int]) -> None:
    found = await obstacles(actor.library, ids, ErasureAction.PURGE)
    lent = [each for each in found if each.code is ObstacleCode.OPEN_LOANS]
    if lent:
        raise problems.outstanding_loans(lent)


async def _matching(actor: Actor, criteria: PatronCriteria) -> list[int]:
    ids = await queries.matching_ids(actor.library, criteria)
    if not ids:
        raise problems.nothing_matches()
    return ids


async def _preview(
    actor: Actor, criteria: PatronCriteria | None, ids: list[int], policy: asyncpg.Record, now: int
) -> PurgePreview:
    counts = await queries.obstacle_counts(ids)
    made = None if criteria is None else confirmation.issue(actor, PURPOSE, _confirmed(criteria, ids, policy), now)
    return PurgePreview(len(ids), len(ids) - counts.patrons, counts.by_code, policy["grace_days"], made)


def _confirmed(criteria: PatronCriteria, ids: Sequence[int], policy: asyncpg.Record) -> list[object]:
    """Return what the confirmation of a purge by filter is about: whom, and whether they can be brought back."""
    return [asdict(criteria), ids, policy["grace_days"]]


async def _replayed(actor: Actor, job_id: int) -> PurgeStarted:
    job = await progress(actor.library, job_id)
    return PurgeStarted(job_id, 0 if job is None else job.total, replayed=True)


def _body_hash(
    ids: Sequence[int] | None, chosen: PatronCriteria | None, confirm_count: int | None, token: str | None
) -> str:
    body = {
        "ids": None if ids is None else sorted(set(ids)),
        "filter": None if chosen is None else asdict(chosen),
        "confirm": [confirm_count, token],
    }
    return hashlib.sha256(orjson.dumps(body)).hexdigest()
