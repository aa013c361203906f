"""What becomes of export files with time: they expire, are swept when no row names them, and get a newer master key."""

import logging
from collections import Counter

from patrongraph import db
from patrongraph.audit.actions import record
from patrongraph.context import system_actor
from patrongraph.exports import files, keys
from patrongraph.exports.runs import settle_ended
from patrongraph.settings import Settings

log = logging.getLogger(__name__)

REKEY_ROWS = 500

# Exports whose time is over; another process may be doing the same.
EXPIRE = """
WITH due AS (
    SELECT id, path FROM data_export
    WHERE state = 'READY' AND expires_at <= now()
    ORDER BY id LIMIT 500 FOR UPDATE SKIP LOCKED
)
UPDATE data_export e SET state = 'EXPIRED', path = NULL, sealed_key = NULL, key_id = NULL
FROM due WHERE e.id = due.id
RETURNING e.id, e.library_id, e.job_id, e.patron_id, due.path
"""

# A link is kept for a day after its time, so that its holder is told what became of it.
FORGET_LINKS = """
DELETE FROM download_link WHERE id IN (
    SELECT id FROM download_link WHERE expires_at < now() - interval '1 day' FOR UPDATE SKIP LOCKED
) RETURNING id
"""

# The file names among these that a row stands for.
NAMES_IN_USE = "SELECT path FROM data_export WHERE path = ANY($1::text[])"

# Files sealed with another key than the one in use, a few at a time, held until they have it.
OTHER_KEYS = """
SELECT id, key_id, sealed_key FROM data_export
WHERE sealed_key IS NOT NULL AND key_id <> $1 AND id > $2
ORDER BY id LIMIT $3 FOR UPDATE
"""

SET_KEY = "UPDATE data_export SET key_id = $2, sealed_key = $3 WHERE id = $1 RETURNING id"


async def expire_due() -> int:
    """Do the exports' housekeeping; return how many exports expired.

    Exports past their time lose their key and file, those of ended jobs end, old links are forgotten, and files that
    no export stands for, left by a kill, a purge or a store that was away, are removed. Safe to run anywhere, any
    time, twice; a store that is away is logged and keeps nothing else from being done.
    """
    expired = 0
    while True:
        async with db.transaction():
            due = await db.rows(EXPIRE)
            for export in due:
                actor = system_actor(export["library_id"])
                patron_id = export["patron_id"]
                subject = ("export", export["id"]) if patron_id is None else ("patron", patron_id)
                await record(actor, "export.expire", subject, job_id=export["job_id"])
        await files.remove([export["path"] for export in due if export["path"]])
        expired += len(due)
        if not due:
            break
    await settle_ended()
    await db.rows(FORGET_LINKS)
    await sweep()
    return expired


async def sweep() -> int:
    """Remove the files that no export stands for; return how many. Files in use are never touched.

    The store is listed before the table is read, and a file's name is committed before the file is made.
    """
    removed = 0
    try:
        async for names in files.list_names():
            if names:
                used = {row["path"] for row in await db.rows(NAMES_IN_USE, list(names))}
                removed += await files.remove(names - used)
    except files.StorageError as error:
        log.warning("export files were not swept: %s", error)
    return removed


async def rekey() -> tuple[str, int, dict[str, int]]:
    """Wrap the key of every file with the master key in use; return its id, how many got it, and what did not.

    The files stay as they are. What did not is how many files each key has that is missing or wrong. Safe to
    interrupt and to run again, while exports are made and fetched. Raises keys.UnusableKey without a master key.
    """
    current = keys.current_key_id()
    done, after, left = 0, 0, Counter[str]()
    while True:
        async with db.transaction():
            found = await db.rows(OTHER_KEYS, current, after, REKEY_ROWS)
            for row in found:
                after = row["id"]
                try:
                    key = keys.rewrap(row["id"], row["key_id"], row["sealed_key"])
                except keys.UnusableKey as error:
                    log.error("%s", error)  # noqa: TRY400 - its words are for the operator
                    left[row["key_id"]] += 1
                else:
                    await db.value(SET_KEY, row["id"], key.key_id, key.wrapped)
                    done += 1
        if not found:
            return current, done, dict(left)


async def probe(settings: Settings) -> None:
    """Write, read and delete a small file in the store of these settings. Raises StorageError."""
    store, name, content = files.store(settings), files.new_name(0), b"patrongraph doctor"
    upload = await store.create(name)
    try:
        await upload.write(content)
        await upload.finish()
        source = await store.open(name)
        read = b"" if source is None else await source.read()
        if source is not None:
            await source.close()
    finally:
        await upload.abort()
    if read != content:
        raise files.StorageError("what was written does not come back")
    if await store.open(name) is not None:
        raise files.StorageError("what was deleted is still there")
