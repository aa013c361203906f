"""A purge goes on chunk by chunk, each sized by the loans that the one before has erased."""

from patrongraph.erasure.chunk import MOST_PATRONS, WORDS, PurgeDone, remove_files, run_chunk
from patrongraph.jobs.item_chunks import ChunkDone, work_off
from patrongraph.jobs.leases import Lease
from patrongraph.settings import get_settings

LOANS_GUESSED = 20


async def run_purge(lease: Lease) -> None:
    """Purge the job's items until none is left or it is not to go on; raises as work_off() does."""

    async def committed(done: PurgeDone) -> None:
        if done.files:
            await remove_files(job_id=lease.job_id)

    size = min(get_settings().chunk_loans // LOANS_GUESSED, MOST_PATRONS)
    await work_off(lease, run_chunk, WORDS, size=size, next_size=_next_size, committed=committed)


def _next_size(size: int, done: ChunkDone) -> int:
    """Return how many patrons the next chunk takes, so that it erases about `chunk_loans` loans."""
    if not isinstance(done, PurgeDone) or not done.erased:
        return min(size * 2, MOST_PATRONS)
    per_patron = max(done.loans / done.erased, 0.1)
    wanted = int(get_settings().chunk_loans / per_patron)
    return max(1, min(wanted, size * 4, MOST_PATRONS))
