"""Once a minute, in one worker at a time: what has run out is put away."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from patrongraph import db
from patrongraph.audit import queries as audit
from patrongraph.audit.chain import FIRST
from patrongraph.audit.sealing import Sealer
from patrongraph.erasure import actions as erasure
from patrongraph.erasure import at_rest, tombstones
from patrongraph.exports import actions as exports
from patrongraph.imports import actions as imports
from patrongraph.imports.dropfolder import place_of
from patrongraph.imports.dropfolder.rounds import Looker
from patrongraph.logs import fault
from patrongraph.settings import get_settings
from patrongraph.staff import actions as staff

log = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
KEY_DAYS = 7

# Taken for the transaction only: pooled connections keep no locks.
ONE_AT_A_TIME = "SELECT pg_try_advisory_xact_lock(hashtext('patrongraph housekeeping'))"

# A request is not repeated after a week.
DELETE_KEYS = """
DELETE FROM idempotency_key WHERE created_at < now() - make_interval(days => $1) RETURNING id
"""

# The name of a dead worker on a job that nobody may take: it was paused, and its worker died.
CLEAR_LEASES = """
UPDATE job SET lease_owner = NULL, lease_until = NULL
WHERE state = 'PAUSED' AND lease_until < now() - interval '1 minute'
RETURNING id
"""


async def _forget() -> None:
    """Delete old sessions and idempotency keys, and leases of the dead, in the first worker that comes."""
    async with db.transaction():
        if not await db.value(ONE_AT_A_TIME):
            return
        await staff.delete_expired_sessions()
        await db.rows(DELETE_KEYS, KEY_DAYS)
        await db.rows(CLEAR_LEASES)


async def _expire_exports() -> None:
    await exports.expire_due()


async def _forget_imports() -> None:
    await imports.cancel_forgotten()
    await imports.forget_unreached()
    await imports.expire_cells()


async def _copy_tombstones() -> None:
    file = get_settings().tombstones_path
    if file is not None:
        await tombstones.copy_new(file)


async def _purge_due() -> None:
    await erasure.start_due()


_sealer = Sealer()


async def _seal_audit() -> None:
    await _sealer.seal()


async def _log_heads() -> None:
    """Write each chain's head to the log: kept apart from the database, it shows when a chain's end is cut off."""
    for chain in await audit.chains():
        head = f"{chain['sequence'] or 0}:{(chain['hash'] or FIRST).hex()}"
        log.info("audit head %s", head, extra={"library_id": chain["id"]})


# What is done, and every how many rounds: days of grace are counted in days, and looking costs a table scan.
CHORES: tuple[tuple[Callable[[], Awaitable[None]], int], ...] = (
    (_forget, 1),
    (_expire_exports, 1),
    (_forget_imports, 5),
    (_copy_tombstones, 1),
    (_purge_due, 30),
    (_seal_audit, 1),
    (_log_heads, 1440),
)


async def tidy(round_number: int = 0) -> None:
    """Do every chore that is due in this round; one that fails is logged and keeps none of the others."""
    for chore, every in CHORES:
        if round_number % every:
            continue
        try:
            await chore()
        except Exception as error:
            fault(log, error)


async def wipe_files() -> None:
    """Wipe the data files of erased rows when it is time; what is in the way is logged, and the next minute tries."""
    try:
        if await at_rest.due():
            done = await at_rest.wipe()
            log.info("erased at rest: %d patrons, %d rewrites, %.1f s", done.patrons, done.tables, done.seconds)
    except at_rest.NotNow as error:
        if error.why is not at_rest.Why.BUSY:
            log.warning("erasure at rest is put off: %s", error, extra={"code": error.why.value})
    except Exception as error:
        fault(log, error)


async def keep_house(stop: asyncio.Event) -> None:
    """Tidy at once and then every minute until `stop` is set."""
    await _every_minute(stop, tidy)


async def keep_files_wiped(stop: asyncio.Event) -> None:
    """Look every minute after the data files, beside the other chores: rewriting large tables takes minutes."""
    await _every_minute(stop, lambda round_number: wipe_files())


async def keep_folder_read(stop: asyncio.Event) -> None:
    """Look into the drop folder at its own interval, if there is one: a large file takes longer than a chore."""
    settings = get_settings()
    place = place_of(settings)
    if place is not None:
        looker = Looker(place, settings)
        await _again_and_again(stop, settings.import_folder_seconds, lambda round_number: looker.look())


async def _every_minute(stop: asyncio.Event, work: Callable[[int], Awaitable[None]]) -> None:
    await _again_and_again(stop, EVERY_SECONDS, work)


async def _again_and_again(stop: asyncio.Event, seconds: float, work: Callable[[int], Awaitable[None]]) -> None:
    round_number = 0
    while not stop.is_set():
        await work(round_number)
        round_number += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()
