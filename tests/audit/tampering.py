"""A sealed trail of two libraries, and somebody who may write the database but has no key."""

from collections.abc import Mapping, Sequence
from types import ModuleType

import asyncpg
from tests.town import Town

from patrongraph import db
from patrongraph.audit import chain, queries
from patrongraph.audit.actions import record
from patrongraph.audit.sealing import seal_all
from patrongraph.audit.verify import Report, follow
from patrongraph.context import Actor, ActorKind
from patrongraph.settings import Settings, get_settings

Told = list[tuple[str, int | None, int | None]]


async def tamper(settings: Settings, *statements: str) -> None:
    """Write past the triggers, as a superuser can."""
    connection = await asyncpg.connect(settings.database_url)
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                await connection.execute(statement)
    finally:
        await connection.close()


async def note(town: Town, n: int = 0) -> int:
    """One event with something in every column."""
    async with db.transaction():
        actor = Actor(ActorKind.STAFF, 7, town.id)
        return await record(actor, "patron.block", ("patron", 100 + n), job_id=3, n=n, codes=["OPEN_LOANS"])


async def sealed_trail(town: Town, other: Town, count: int = 6) -> list[int]:
    """Events of both libraries by turns, all sealed; return the ids of the first library's: 1, 3 and so on."""
    ids = []
    for n in range(count):
        ids.append(await note(town, n))
        await note(other, n)
    assert await seal_all() == 2 * count
    return ids


async def verified(
    code: str, heads: Mapping[int, bytes] | None = None, minutes: int = 15, settings: Settings | None = None
) -> Report:
    [library] = await queries.chains(code)
    return await follow(library, chain.keyring(settings or get_settings()), heads=heads, late_minutes=minutes)


def told(report: Report) -> Told:
    return [(finding.kind.value, finding.sequence, finding.event_id) for finding in report.findings]


async def seals(database: ModuleType, library: int) -> Sequence[asyncpg.Record]:
    return await database.rows("SELECT * FROM audit_seal WHERE library_id = $1 ORDER BY sequence", library)


async def head(code: str) -> tuple[int, bytes]:
    [library] = await queries.chains(code)
    return library["sequence"] or 0, library["hash"] or chain.FIRST
