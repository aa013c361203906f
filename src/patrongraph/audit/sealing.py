"""The one writer of seals; a name of its own because, unlike actions, it runs after the commit of what it writes about.

A chain's order is the order of sealing: ids are given before commit, so a lower id may come to light later.
"""

from dataclasses import dataclass

from patrongraph import db
from patrongraph.audit import chain
from patrongraph.audit.queries import BEHIND, HEAD, HORIZON, PAGE, UNSEALED
from patrongraph.settings import get_settings

FULL_LOOK_ROUNDS = 60
MOST_A_ROUND = 20 * PAGE
"""Events of one library that a worker seals in one go; old installations catch up over some rounds."""

# One sealer at a time for each library, until the transaction ends.
ONE_SEALER = "SELECT pg_advisory_xact_lock(hashtextextended('patrongraph audit seal', $1))"

# Seals of one library after a sequence number, in array order.
SEAL = """
INSERT INTO audit_seal (event_id, library_id, sequence, sealed_at, key_id, digest, hash)
SELECT made.event_id, $1, $2 + made.position, $3, $4, made.digest, made.hash
FROM unnest($5::bigint[], $6::bytea[], $7::bytea[]) WITH ORDINALITY AS made(event_id, digest, hash, position)
"""


async def seal_library(library_id: int, after: int = 0, most: int | None = None) -> int:
    """Seal a library's committed events of higher ids than `after`, `most` or all, and return how many.

    Each batch is a transaction of its own: a sealer that is killed has sealed whole batches. Raises NoKey.
    """
    sealed = 0
    while most is None or sealed < most:
        count, after = await _seal_batch(library_id, after)
        sealed += count
        if count < PAGE:
            break
    return sealed


async def _seal_batch(library_id: int, after: int) -> tuple[int, int]:
    """Seal one batch; return how many events it had, and the last one's id."""
    key = chain.keyring(get_settings()).current
    async with db.transaction():
        await db.rows(ONE_SEALER, library_id)
        # Statements of their own: only a snapshot taken after the lock shows what the last sealer did.
        head = await db.row(HEAD, library_id)
        events = await db.rows(UNSEALED, library_id, after)
        if not events or head is None:
            return 0, after
        sequence, previous = head["sequence"] or 0, head["hash"] or chain.FIRST
        digests, hashes = [], []
        for number, event in enumerate(events, start=sequence + 1):
            digests.append(chain.digest(key, event))
            previous = chain.link(key, chain.place(library_id, number, head["at_bytes"]), previous, digests[-1])
            hashes.append(previous)
        ids = [event["id"] for event in events]
        await db.rows(SEAL, library_id, sequence, head["at"], key.id, ids, digests, hashes)
        return len(ids), ids[-1]


@dataclass(slots=True)
class Sealer:
    """Seals round after round, and remembers below which id all is sealed; another process has its own memory.

    An id counts as settled when each transaction that ran as it was seen has ended, and a look after that found
    nothing: so a transaction that stays open for hours loses no event, it only keeps the looks long. A transaction
    takes ids a moment before it gets the number by which it is seen to run; for that moment, and for ids that were
    not given in order, every 60th look is at the whole trail. Memory makes looks short, and is never relied upon.
    """

    settled: int = 0
    _waiting: tuple[int, int] | None = None
    _rounds: int = 0

    async def seal(self, most: int | None = MOST_A_ROUND) -> int:
        """Seal what is committed in every library, `most` in each, and return how many events. Raises NoKey."""
        horizon = await db.row(HORIZON)
        assert horizon is not None  # noqa: S101 - one row always
        if self._rounds % FULL_LOOK_ROUNDS == 0 or horizon["newest"] < self.settled:
            self.settled, self._waiting = 0, None
        self._rounds += 1
        counts = [
            await seal_library(library["library_id"], self.settled, most)
            for library in await db.rows(BEHIND, self.settled)
        ]
        if most is None or all(count < most for count in counts):
            self._remember(horizon["newest"], horizon["oldest"], horizon["next"])
        return sum(counts)

    def _remember(self, newest: int, oldest: int, following: int) -> None:
        if self._waiting is not None and oldest >= self._waiting[1]:
            self.settled, self._waiting = self._waiting[0], None
        if self._waiting is None:
            self._waiting = newest, following


async def seal_all() -> int:
    """Look at the whole trail once, seal all that is committed, and return how many events. Raises NoKey."""
    return await Sealer().seal(most=None)
