"""A job with an item for each patron goes on chunk by chunk, in the order of its items.

A file of its own because purges and rollovers both go so. What one chunk does, in one transaction that begins with
`lease.advance()`, is the feature's.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import asyncpg

from patrongraph import db
from patrongraph.jobs import progress, watch
from patrongraph.jobs.actions import PERMISSIONS
from patrongraph.jobs.chunks import Chunks
from patrongraph.jobs.leases import JobFailed, Lease
from patrongraph.staff.identify import current_permissions

# The next items of a job in patron order (they were inserted so); nobody else takes them meanwhile.
TAKE_NEXT = """
SELECT id, patron_id FROM job_item
WHERE job_id = $1 AND state = 'PENDING' AND id > $2
ORDER BY id LIMIT $3
FOR UPDATE SKIP LOCKED
"""

# The same for items that are named: the halves of a chunk that failed.
TAKE_NAMED = """
SELECT id, patron_id FROM job_item
WHERE id = ANY($2::bigint[]) AND job_id = $1 AND state = 'PENDING'
ORDER BY id
FOR UPDATE SKIP LOCKED
"""

SETTLE = """
UPDATE job_item SET state = outcome.state, codes = string_to_array(outcome.codes, ','), finished_at = now(),
                    attempts = attempts + 1
FROM unnest($1::bigint[], $2::text[], $3::text[]) AS outcome(id, state, codes)
WHERE job_item.id = outcome.id
RETURNING job_item.id
"""

# The items a failed chunk was about: nobody has settled them.
PENDING_ITEMS = """
SELECT id FROM job_item WHERE job_id = $1 AND state = 'PENDING' AND id > $2 ORDER BY id LIMIT $3
"""

COUNT_ATTEMPT = "UPDATE job_item SET attempts = attempts + 1 WHERE id = ANY($1::bigint[]) RETURNING id"

FAIL_ITEM = """
UPDATE job_item SET state = 'FAILED', reason = $2, attempts = attempts + 1, finished_at = now()
WHERE id = $1 AND state = 'PENDING'
RETURNING id
"""


@dataclass(frozen=True, slots=True)
class ChunkDone:
    """What every chunk tells: items settled, the last of them, the job's version."""

    items: int
    last_item: int
    version: int


_Done = TypeVar("_Done", bound=ChunkDone)


@dataclass(frozen=True, slots=True)
class Words:
    """How a kind of job is spoken of to staff: "this purge", may not "purge" any more, was not "purged"."""

    noun: str
    verb: str
    done: str


@dataclass(frozen=True, slots=True)
class Which:
    """The items that a chunk is to take: the next `limit` after an item id, or exactly those named."""

    limit: int
    after: int = 0
    named: Sequence[int] | None = None


RunChunk = Callable[[Lease, Which], Awaitable[_Done | None]]
"""One chunk in one transaction; None when the job is not to go on, 0 items when none is left."""


async def take(lease: Lease, which: Which) -> Sequence[asyncpg.Record]:
    """Return the items (id, patron_id) that the chunk is to do, locked."""
    if which.named is None:
        return await db.rows(TAKE_NEXT, lease.job_id, which.after, which.limit)
    return await db.rows(TAKE_NAMED, lease.job_id, which.named)


async def settle(taken: Sequence[asyncpg.Record], done: dict[int, str], skipped: dict[int, str]) -> None:
    """Settle items by their patrons: SKIPPED with codes (joined by commas), else DONE with codes or none."""
    states, codes = [], []
    for row in taken:
        why = skipped.get(row["patron_id"])
        states.append("DONE" if why is None else "SKIPPED")
        codes.append(done.get(row["patron_id"], "") if why is None else why)
    await db.rows(SETTLE, [row["id"] for row in taken], states, codes)


async def check_permission(lease: Lease, words: Words) -> None:
    """Raise JobFailed when whoever started the job may not do so any more."""
    allowed = await current_permissions(lease.actor.kind, lease.actor.id, lease.library_id)
    rest = f"the rest was not {words.done}."
    if allowed is None:
        raise JobFailed(f"Whoever started this {words.noun} is disabled, revoked or expired; {rest}")
    if PERMISSIONS[lease.kind] not in allowed:
        raise JobFailed(f"Whoever started this {words.noun} may not {words.verb} any more; {rest}")


async def work_off(
    lease: Lease,
    run_chunk: RunChunk[_Done],
    words: Words,
    *,
    size: int,
    next_size: Callable[[int, ChunkDone], int] = lambda size, done: size,
    committed: Callable[[_Done], Awaitable[None]] | None = None,
) -> None:
    """Do the job's items until none is left or it is not to go on; what is committed stands.

    `size` is the first chunk's most patrons, `next_size` gives the next one's; `committed` is called after each
    chunk. Raises JobFailed when the starter's permission is gone or patrons fail one after the other, and
    connection errors that outlast a few seconds.
    """
    run = _Run(lease, run_chunk, words, committed)
    after = 0
    while (done := await run.next(Which(size, after))) is not None:
        if done.items:
            after = done.last_item
            size = next_size(size, done)
        elif after:
            after = 0  # items that were locked by somebody else when they were passed
        else:
            return


class _Run(Chunks[_Done]):
    """One worker's pass over one job."""

    def __init__(
        self,
        lease: Lease,
        run_chunk: RunChunk[_Done],
        words: Words,
        committed: Callable[[_Done], Awaitable[None]] | None,
    ) -> None:
        super().__init__(lease)
        self.FAILED = f"patrons in a row could not be {words.done}"
        self._run_chunk = run_chunk
        self._committed = committed

    async def next(self, which: Which) -> ChunkDone | None:
        """Do the next chunk; return None when the job is not to go on."""
        done, poisoned = await self.unless_poisoned(lambda: self._chunk(which))
        if not poisoned:
            return done
        found = await db.rows(PENDING_ITEMS, self.lease.job_id, which.after, which.limit)
        named = [row["id"] for row in found]
        if named and not await self.isolate(named):
            return None
        return ChunkDone(len(named), named[-1] if named else which.after, 0)

    async def do(self, items: Sequence[int]) -> _Done | None:
        """Do these items."""
        return await self._chunk(Which(len(items), named=items))

    async def halved(self, items: Sequence[int]) -> None:
        """Count the attempt."""
        await db.rows(COUNT_ATTEMPT, items)

    async def give_up(self, item: int, reason: str) -> None:
        """Settle one item as FAILED."""
        await db.rows(FAIL_ITEM, item, reason)

    async def _chunk(self, which: Which) -> _Done | None:
        """Do one chunk and tell the subscribers."""
        with watch.chunk(self.lease) as chunk:
            done = await self._run_chunk(self.lease, which)
            chunk.items = 0 if done is None else done.items
        if done is not None and done.items:
            await progress.publish(self.lease.job_id, self.lease.library_id, done.version)
        if done is not None and self._committed is not None:
            await self._committed(done)
        return done
