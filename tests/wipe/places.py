"""Where to look: every table as text, every key of Valkey, and every file but the write-ahead log."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import asyncpg
from redis.asyncio import Redis
from tests.wipe.needles import Needle, found_in

# Tables and catalogues that hold values of rows.
TABLES = """
SELECT c.oid::regclass::text AS name FROM pg_class c
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'
  AND (c.relnamespace <> ALL ('{pg_catalog,information_schema,pg_toast}'::regnamespace[])
       OR c.relname IN ('pg_statistic', 'pg_statistic_ext_data', 'pg_largeobject', 'pg_attribute', 'pg_description'))
"""

# What a data file belongs to: the table itself, or of an index or TOAST table the table it serves.
FILES = """
SELECT pg_relation_filenode(c.oid) AS file, coalesce(i.indrelid, t.oid, c.oid)::regclass::text AS owner
FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid LEFT JOIN pg_class t ON t.reltoastrelid = c.oid
WHERE pg_relation_filenode(c.oid) IS NOT NULL
"""

Found = dict[str, list[str]]
"""Place → what was found there."""


def add(found: Found, place: str, whats: list[str]) -> None:
    if whats:
        found[place] = sorted({*found.get(place, []), *whats})


async def tables(connection: "asyncpg.Connection[asyncpg.Record]", needles: list[Needle]) -> Found:
    """Search every table as COPY writes it, and the tables' statistics."""
    found: Found = {}
    for row in await connection.fetch(TABLES):
        text = BytesIO()
        await connection.copy_from_query(f"SELECT * FROM {row['name']}", output=text)
        add(found, f"table {row['name']}", found_in(text.getvalue(), needles))
    return found


async def data_files(
    connection: "asyncpg.Connection[asyncpg.Record]", data_dir: Path, needles: list[Needle], but: Path | None = None
) -> Found:
    """Search every file below the data directory, named by its table where it is one's."""
    await connection.execute("CHECKPOINT")
    owners = {str(row["file"]): row["owner"] for row in await connection.fetch(FILES)}
    database = await connection.fetchval("SELECT oid FROM pg_database WHERE datname = current_database()")
    found: Found = {}
    for path in files(data_dir):
        owner = owners.get(path.name.split(".")[0].split("_")[0]) if path.parent.name == str(database) else None
        place = f"data file of {owner}" if owner else f"file {path.relative_to(data_dir)}"
        add(found, place, found_in(path.read_bytes(), needles))
    return found


def files(data_dir: Path) -> Iterator[Path]:
    """Yield every file but the write-ahead log, which is the operator's to keep short, like backups."""
    for path in sorted(data_dir.rglob("*")):
        if path.is_file() and "pg_wal" not in path.parts:
            yield path


async def valkey(url: str, needles: list[Needle]) -> Found:
    """Search every key of every database of the server, with all that it holds."""
    found: Found = {}
    client = Redis.from_url(url)
    for database in [int(name.removeprefix("db")) for name in await client.info("keyspace")]:
        async with Redis.from_url(url.replace("db=0", f"db={database}")) as reader:
            async for key in reader.scan_iter():
                text = key + b"\n" + await _value(reader, key)
                add(found, f"Valkey {key.decode(errors='replace')}", found_in(text, needles))
    await client.aclose()
    return found


async def _value(client: "Redis", key: bytes) -> bytes:
    kind = (await client.type(key)).decode()
    match kind:
        case "string":
            held = await client.get(key)
        case "stream":
            held = await client.xrange(key)
        case "zset":
            held = await client.zrange(key, 0, -1, withscores=True)
        case "hash":
            held = await client.hgetall(key)
        case "list":
            held = await client.lrange(key, 0, -1)
        case "set":
            held = await client.smembers(key)
        case _:
            raise AssertionError(f"{kind} is a kind of value that this search cannot read")
    return held if isinstance(held, bytes) else repr(held).encode()
