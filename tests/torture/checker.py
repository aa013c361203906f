"""The checker: copies what is there before a run, and says afterwards which invariants are broken, by their names."""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import asyncpg
from redis import Redis
from tests.torture.disk import Disk
from tests.torture.invariants import INVARIANTS
from tests.torture.invariants_patrons import MAY_CHANGE, PREPARED, UNHARMED

Connection = asyncpg.Connection

MOST_KEYS = 20
LONGEST_STREAM = 11_000

# Every table with a column that holds a patron's id: by its name, or because it refers to patron.
TABLES = """
SELECT c.relname AS name, a.attname AS patron, key.attname AS key
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
JOIN pg_attribute key ON key.attrelid = c.oid AND key.attnum = i.indkey[0]
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
  AND (a.attname = 'patron_id' OR c.relname = 'patron' AND a.attname = 'id' OR EXISTS (
       SELECT FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.conkey = ARRAY[a.attnum]
                                     AND f.confrelid = 'public.patron'::regclass))
ORDER BY c.relname
"""

# These keep a patron's number on purpose: the proof, and what a job did.
KEPT = {"tombstone", "job_item"}

OWNED = """
SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'library_id'
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND NOT a.attisdropped ORDER BY 1
"""

HASHED = """
SELECT '{table}' AS name, count(*) AS rows, md5(coalesce(string_agg(said, chr(10) ORDER BY said), '')) AS hash
FROM (SELECT to_jsonb(t)::text AS said FROM {table} t WHERE {where}) AS each
"""

JOURNAL = """
CREATE TABLE witness.act (
    id bigint GENERATED ALWAYS AS IDENTITY, patron_id bigint NOT NULL, verb text NOT NULL, item_id bigint,
    ok bool NOT NULL
);
CREATE TABLE witness.job (job_id bigint PRIMARY KEY, asked bigint NOT NULL);
CREATE TABLE witness.bystander (library_id bigint NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Broken:
    """An invariant that does not hold: its name, its sentence, how often it is broken and by what, for example."""

    name: str
    sentence: str
    times: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} ({self.times}): {self.sentence} For example {'; '.join(self.examples)}"


async def copy_all(connection: Connection, bystander: int) -> None:
    """Copy every table that names patrons, and the hash of the library that nothing may happen to."""
    await connection.execute("CREATE SCHEMA IF NOT EXISTS witness")
    await connection.execute(JOURNAL)
    tables = {row["name"] for row in await connection.fetch(TABLES)} | {"loan_statistic"}
    for table in sorted(tables - KEPT):
        await connection.execute(f"CREATE TABLE witness.copy_{table} AS TABLE {table}")
        await connection.execute(f"ANALYZE witness.copy_{table}")
    for column, table in (("id", "patron"), ("patron_id", "loan"), ("patron_id", "ledger_entry")):
        await connection.execute(f"CREATE INDEX ON witness.copy_{table} ({column})")
    await connection.execute("INSERT INTO witness.bystander VALUES ($1)", bystander)
    await connection.execute(f"CREATE TABLE witness.before AS {await _hashes(connection, bystander)}")


async def note_acts(connection: Connection, acts: Iterable[tuple[int, str, int | None, bool]]) -> None:
    """Add (patron, verb, item or debt, whether it was confirmed) to the journal."""
    await connection.executemany("INSERT INTO witness.act (patron_id, verb, item_id, ok) VALUES ($1, $2, $3, $4)", acts)


async def note_job(connection: Connection, job_id: int, asked: int) -> None:
    """Add a purge to the journal with the number of patrons that was answered."""
    await connection.execute("INSERT INTO witness.job VALUES ($1, $2)", job_id, asked)


async def check(connection: Connection, disk: Disk | None = None, valkey: Redis | None = None) -> list[Broken]:
    """Return every invariant that is broken; of files only with `disk`, and `valkey` is a client."""
    found = []
    async with connection.transaction():
        tables = [row for row in await connection.fetch(TABLES) if row["name"] not in KEPT]
        await connection.execute(_prepared(tables))
        for invariant in INVARIANTS:
            sql = invariant.sql.replace("{unharmed}", _unharmed(tables))
            found += _broken(invariant.name, invariant.sentence, await connection.fetch(sql))
        await connection.execute("DROP TABLE gone, touched, loose, expected, actual")
    found += await _bystander(connection)
    if disk is not None:
        found += await _files(connection, disk) + await _tombstones(connection, disk)
    return found + ([] if valkey is None else _valkey(valkey))


def _prepared(tables: Sequence[asyncpg.Record]) -> str:
    counted = (
        "SELECT {patron} AS patron_id, '{name}' AS name, count(*)::int AS n FROM {place}{name}"
        " WHERE {patron} IS NOT NULL GROUP BY 1"
    )
    before = [counted.format(**row, place="witness.copy_") for row in tables]
    now = [counted.format(**row, place="") for row in tables]
    return PREPARED.replace("{copied}", " UNION ALL ".join(before)).replace("{actual}", " UNION ALL ".join(now))


def _unharmed(tables: Sequence[asyncpg.Record]) -> str:
    parts = []
    for row in tables:
        changing = ", ".join(f"'{column}'" for column in MAY_CHANGE.get(row["name"], ()))
        parts.append(UNHARMED.format(table=row["name"], patron=row["patron"], key=row["key"], changing=changing))
    return " UNION ALL ".join(parts)


def _broken(name: str, sentence: str, rows: Sequence[object]) -> list[Broken]:
    examples = tuple(str(dict(row) if isinstance(row, asyncpg.Record) else row) for row in rows[:3])
    return [Broken(name, sentence, len(rows), examples)] if rows else []


async def _hashes(connection: Connection, library: int) -> str:
    tables = [(row["name"], f"library_id = {library}") for row in await connection.fetch(OWNED)]
    persons = f"id IN (SELECT person_id FROM patron WHERE library_id = {library})"
    tables += [("library", f"id = {library}"), ("person", persons)]
    return " UNION ALL ".join(HASHED.format(table=table, where=where) for table, where in tables)


async def _bystander(connection: Connection) -> list[Broken]:
    library = await connection.fetchval("SELECT library_id FROM witness.bystander")
    changed = f"SELECT now.name FROM ({await _hashes(connection, library)}) AS now JOIN witness.before USING (name)"
    changed += " WHERE (now.rows, now.hash) <> (before.rows, before.hash)"
    sentence = "Nothing of the other library has changed: every row hashes to the same."
    return _broken("bystander", sentence, await connection.fetch(changed))


async def _files(connection: Connection, disk: Disk) -> list[Broken]:
    """Compare the files with the rows: a file is opened only by the key in a READY row."""
    rows = await connection.fetch("SELECT * FROM data_export WHERE state = 'READY' OR sealed_key IS NOT NULL")
    plain = {row["path"]: disk.plain(row) for row in rows}
    left = sorted(set(disk.exports()) - set(plain))
    wrong = []
    for row in rows:
        data = plain[row["path"]] or b""
        if (hashlib.sha256(data).hexdigest(), len(data)) != (row["sha256"], row["size"]):
            wrong.append(f"export {row['id']}")
    gone = {
        row["id"]
        for row in await connection.fetch(
            "SELECT id FROM witness.copy_patron c WHERE NOT EXISTS (SELECT FROM patron WHERE patron.id = c.id)"
        )
    }
    told = []
    for name, data in plain.items():
        inside = {int(number) for number in re.findall(rb"card-(\d+)", data or b"")}
        told += [f"patron {patron} in {name}" for patron in sorted(inside & gone)]
    return (
        _broken("files_known", "Every file in the folder is named by a READY export.", left)
        + _broken("files_whole", "The file of a READY export opens with its key, to its size and checksum.", wrong)
        + _broken("files_of_the_gone", "No file that can be opened has a patron in it who is gone.", told)
    )


async def _tombstones(connection: Connection, disk: Disk) -> list[Broken]:
    """Compare the tombstones with the file that is to outlive the database."""
    lines, unreadable = disk.tombstones()
    written = {(line["library"], line["patron"], line["key"], line["job"], str(line["rows"])) for line in lines}
    missing, strangers = [], set(written)
    for row in await connection.fetch(
        "SELECT library_id, patron_id, patron_key::text, job_id, rows::text, copied_at FROM tombstone"
    ):
        line = (row["library_id"], row["patron_id"], row["patron_key"], row["job_id"], str(json.loads(row["rows"])))
        strangers.discard(line)
        if line not in written or row["copied_at"] is None:
            missing.append(f"patron {row['patron_id']}, copied at {row['copied_at']}")
    return (
        _broken("tombstones_read", "Every line of tombstones.ndjson says something, or is there whole.", unreadable)
        + _broken("tombstones_copied", "Every tombstone is in tombstones.ndjson, and its row says so.", missing)
        + _broken("tombstones_true", "Every line of tombstones.ndjson is a tombstone.", sorted(strangers, key=str))
    )


def _valkey(client: Redis) -> list[Broken]:
    keys = [key.decode() for key in client.scan_iter()]
    lasting = [key for key in keys if client.ttl(key) == -1]
    many = [str(len(keys))] if len(keys) > MOST_KEYS else []
    long = [key for key in keys if client.type(key) == b"stream" and client.xlen(key) > LONGEST_STREAM]
    return _broken("valkey_forgets", "Every key in Valkey has a time to live.", lasting) + _broken(
        "valkey_bounded", "Valkey holds a handful of keys, and its stream is bounded.", many + long
    )
