"""Once a minute, in one worker at a time: what has run out is put away."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from patrongraph import db
from patrongraph.erasure import actions as erasure
from patrongraph.exports import actions as exports
from patrongraph.logs import fault
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


async def _purge_due() -> None:
    await erasure.start_due()


# What is done, and every how many rounds: days of grace are counted in days, and looking costs a table scan.
CHORES: tuple[tuple[Callable[[], Awaitable[None]], int], ...] = (
    (_forget, 1),
    (_expire_exports, 1),
    (_purge_due, 30),
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


async def keep_house(stop: asyncio.Event) -> None:
    """Tidy at once and then every minute until `stop` is set."""
    round_number = 0
    while not stop.is_set():
        await tidy(round_number)
        round_number += 1
        with suppress(TimeoutError):
            async with asyncio.timeout(EVERY_SECONDS):
                await stop.wait()
