"""`patrongraph doctor`: every setting with where it came from, and whether each part of the system works."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import click
from graphql import GraphQLError, GraphQLSchema, parse, validate
from pydantic import SecretStr
from redis.asyncio import Redis
from redis.exceptions import RedisError

from patrongraph import migrate
from patrongraph.cli import secret_key_file, with_secret_key
from patrongraph.embedded import Servers, Unavailable
from patrongraph.erasure import at_rest
from patrongraph.exports import actions as exports
from patrongraph.exports.keys import master_keys
from patrongraph.graph import documents
from patrongraph.imports.dropfolder import place_of, probe
from patrongraph.jobs import heartbeat
from patrongraph.settings import Settings, from_file, get_settings
from patrongraph.storage import StorageError
from patrongraph.terminal import answers, without_password

OLDEST_POSTGRES = 15
EXTENSIONS = ("pg_trgm", "unaccent")
ANSWER_SECONDS = 5.0

# Version of the server as a number (180001 is 18.1), and which of some extensions it could create.
SERVER = """
SELECT current_setting('server_version_num')::int AS version,
       (SELECT array_agg(name::text) FROM pg_available_extensions WHERE name = ANY($1::text[])) AS extensions
"""

# The master keys that some export file needs.
EXPORT_KEYS = "SELECT DISTINCT key_id FROM data_export WHERE sealed_key IS NOT NULL ORDER BY key_id"

AT_REST_DAYS = 7

# How many erased patrons are still in the data files, and whether any of them for too long.
WAITING_AT_REST = """
SELECT count(*) AS patrons, coalesce(min(erased_at) < now() - make_interval(days => $1), false) AS late
FROM tombstone WHERE state = 'LIVE_ERASED'
"""

# The tables of the audit trail, whether they are there, and whether their triggers refuse changes.
APPEND_ONLY = """
SELECT t.name, to_regclass(t.name) IS NOT NULL AS made, EXISTS (
    SELECT FROM pg_trigger
    WHERE tgrelid = to_regclass(t.name) AND tgname = t.name || '_append_only' AND tgenabled IN ('O', 'A')
) AS kept
FROM unnest(ARRAY['audit_event', 'audit_seal']) AS t(name)
"""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it is well, and what was found or has to be done."""

    what: str
    well: bool
    words: str


def _complete(settings: Settings) -> tuple[Settings, Finding | None]:
    """Fill in the running embedded servers' addresses; start nothing."""
    if settings.database_url and settings.redis_url:
        return settings, None
    where = settings.data_dir.resolve()
    try:
        servers = Servers(settings.data_dir)
        running = servers.data_dir.exists() and servers.running()
    except (ImportError, Unavailable):
        running = False
    if not running:
        return settings, Finding("embedded servers", False, f"not running in {where}: `patrongraph up` starts them")
    filled = {
        "database_url": settings.database_url or servers.addresses.database_url,
        "redis_url": settings.redis_url or servers.addresses.redis_url,
    }
    return settings.model_copy(update=filled), Finding("embedded servers", True, f"running in {where}")


def _secret_key(settings: Settings) -> Finding:
    length = len(with_secret_key(settings, make=False).secret_key.get_secret_value())
    words = f"{length} characters" if length else "not set: PATRONGRAPH_SECRET_KEY needs at least 32 characters"
    return Finding("secret key", length >= 32, words)


def _data_dir(settings: Settings) -> Finding:
    directory = settings.data_dir.resolve()
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    well = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    return Finding("data directory", well, f"{directory} {'can' if well else 'cannot'} be written")


async def _database(settings: Settings) -> Finding:
    connection = await asyncpg.connect(settings.database_url, timeout=ANSWER_SECONDS)
    try:
        server = await connection.fetchrow(SERVER, list(EXTENSIONS))
    finally:
        await connection.close()
    assert server is not None  # noqa: S101 - one row always
    version = server["version"] // 10_000
    missing = sorted(set(EXTENSIONS) - set(server["extensions"] or ()))
    if version < OLDEST_POSTGRES:
        return Finding("database", False, f"PostgreSQL {version}; {OLDEST_POSTGRES} or newer is needed")
    if missing:
        return Finding("database", False, f"PostgreSQL {version} lacks the extensions {', '.join(missing)}")
    return Finding("database", True, f"PostgreSQL {version} at {without_password(settings.database_url)}")


async def _migrations(settings: Settings) -> Finding:
    found = await migrate.status(settings.database_url)
    if found.unknown:
        return Finding("migrations", False, f"made by a newer version: {', '.join(found.unknown)}")
    if found.pending:
        return Finding("migrations", False, f"{len(found.pending)} to apply: run `patrongraph migrate`")
    return Finding("migrations", True, f"all {len(found.applied)} applied")


async def _export_store(settings: Settings) -> Finding:
    what, where = "export store", settings.export_store or str(settings.exports_dir.resolve())
    if not settings.export_store and not settings.data_dir.exists():
        return Finding(what, True, f"{where} will be made with the first export")
    try:
        await exports.probe(settings)
    except StorageError as error:
        return Finding(what, False, f"{where}: {error}")
    return Finding(what, True, f"{where} can be written, read and deleted from")


async def _import_folder(settings: Settings) -> Finding:
    what, where = "drop folder", settings.import_folder
    place = place_of(settings)
    if place is None:
        return Finding(what, True, "none; PATRONGRAPH_IMPORT_FOLDER names one")
    try:
        await probe(place)
    except StorageError as error:
        return Finding(what, False, f"{where}: {error}")
    return Finding(what, True, f"{where} can be read, written and moved in")


def _documents(settings: Settings) -> Finding:
    from patrongraph.schema import schema

    what = "persisted documents"
    try:
        found = documents.load(settings).by_hash
    except documents.BadDocuments as bad:
        return Finding(what, False, str(bad))
    if not found:
        return Finding(what, True, "off: every document is sent as text")
    outdated = [short[:12] for short, text in found.items() if not _fits(schema._schema, text)]
    if outdated:
        words = f"{len(outdated)} of {len(found)} do not fit the API's schema: {', '.join(outdated)}"
        return Finding(what, False, words)
    others = "and no others run" if settings.documents_mode == "only" else "and others may be sent as text"
    return Finding(what, True, f"{len(found)} are known, {others}")


def _fits(schema: GraphQLSchema, text: str) -> bool:
    try:
        return not validate(schema, parse(text))
    except GraphQLError:
        return False


async def _export_keys(settings: Settings) -> Finding:
    what, keys = "export keys", list(master_keys(with_secret_key(settings, make=False)))
    if not keys:
        return Finding(what, False, "none: set PATRONGRAPH_EXPORT_KEYS or PATRONGRAPH_SECRET_KEY")
    connection = await asyncpg.connect(settings.database_url, timeout=ANSWER_SECONDS)
    try:
        missing = [row["key_id"] for row in await connection.fetch(EXPORT_KEYS) if row["key_id"] not in keys]
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError):
        missing = []
    finally:
        await connection.close()
    if missing:
        return Finding(what, False, f"export files need {', '.join(missing)}: add to PATRONGRAPH_EXPORT_KEYS")
    return Finding(what, True, f"{keys[0]} is in use")


async def _at_rest(settings: Settings) -> Finding:
    what = "erasure at rest"
    connection = await asyncpg.connect(settings.database_url, timeout=ANSWER_SECONDS)
    try:
        await at_rest.check_possible(connection)
        waiting = await connection.fetchrow(WAITING_AT_REST, AT_REST_DAYS)
    except at_rest.NotNow as error:
        return Finding(what, False, f"impossible: {error}; erased patrons stay LIVE_ERASED")
    except asyncpg.UndefinedTableError:
        return Finding(what, False, "the database has no tables yet: run `patrongraph migrate`")
    finally:
        await connection.close()
    assert waiting is not None  # noqa: S101 - one row always
    by = f"{settings.at_rest_window or 'only by `patrongraph erase-at-rest`'}"
    words = f"{waiting['patrons']} erased patrons wait for it ({by})"
    if waiting["late"]:
        words += f", some for more than {AT_REST_DAYS} days: `patrongraph erase-at-rest` says what is in the way"
    return Finding(what, not waiting["late"], words)


async def _audit_trail(settings: Settings) -> Finding:
    what = "audit trail"
    connection = await asyncpg.connect(settings.database_url, timeout=ANSWER_SECONDS)
    try:
        tables = await connection.fetch(APPEND_ONLY)
    finally:
        await connection.close()
    if not all(table["made"] for table in tables):
        return Finding(what, False, "has no tables yet: run `patrongraph migrate`")
    changeable = [table["name"] for table in tables if not table["kept"]]
    if changeable:
        words = f"{' and '.join(changeable)} may be changed: the trigger <table>_append_only is switched off or gone"
        return Finding(what, False, words)
    return Finding(what, True, "its tables refuse changes; `patrongraph audit verify` looks for any")


async def _valkey(settings: Settings) -> Finding:
    async with _client(settings) as client:
        server = await client.info("server")
    name, version = (
        server.get("server_name", "redis"),
        server.get("valkey_version") or server["redis_version"],
    )
    return Finding("Valkey", True, f"{name} {version} at {without_password(settings.redis_url)}")


async def _worker(settings: Settings) -> Finding:
    seen = await heartbeat.count(settings, ANSWER_SECONDS)
    words = f"{seen} alive" if seen else "none is alive: `patrongraph worker` starts one"
    return Finding("worker", bool(seen), words)


def _client(settings: Settings) -> "Redis":
    client: Redis = Redis.from_url(
        settings.redis_url, socket_timeout=ANSWER_SECONDS, socket_connect_timeout=ANSWER_SECONDS
    )
    return client


async def _look(
    what: str, address: str, check: Callable[[Settings], Awaitable[Finding]], settings: Settings
) -> Finding:
    if not address:
        return Finding(what, False, "no address")
    try:
        return await check(settings)
    except (
        OSError,
        TimeoutError,
        ValueError,
        RedisError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
    ) as error:
        return Finding(what, False, f"{without_password(address)} does not answer: {error or type(error).__name__}")


async def examine(settings: Settings) -> list[Finding]:
    """Look at every part of the system and change nothing."""
    complete, servers = _complete(settings)
    database, valkey = complete.database_url, complete.redis_url
    return [
        *([servers] if servers is not None else []),
        _secret_key(settings),
        _data_dir(settings),
        _documents(settings),
        await _look("database", database, _database, complete),
        await _look("migrations", database, _migrations, complete),
        await _export_store(complete),
        await _import_folder(complete),
        await _look("export keys", database, _export_keys, complete),
        await _look("erasure at rest", database, _at_rest, complete),
        await _look("audit trail", database, _audit_trail, complete),
        await _look("Valkey", valkey, _valkey, complete),
        await _look("worker", valkey, _worker, complete),
    ]


def shown(settings: Settings) -> list[str]:
    """Return one line a setting: name, value with secrets masked, source, meaning."""
    lines = []
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        source = "environment" if name in settings.model_fields_set else "default"
        if from_file(name):
            source = "a file"
        if isinstance(value, SecretStr):
            kept = secret_key_file(settings)
            made = name == "secret_key" and kept.exists()
            text = "***" if value.get_secret_value() or made else "not set"
            source = str(kept) if source == "default" and made else source
        else:
            text = without_password(str(value)) or "not set"
        lines.append(f"{f'PATRONGRAPH_{name.upper()}':34} {text:24} {source:12} {field.description}")
    return lines


@click.command()
def doctor() -> None:
    """Show every setting and look whether each part works; ends with 1 when something is wrong."""
    settings = get_settings()
    for line in shown(settings):
        answers.print(line, markup=False)
    answers.print()
    findings = asyncio.run(examine(settings))
    for finding in findings:
        mark = "[green]ok   [/green]" if finding.well else "[red]wrong[/red]"
        answers.print(mark, end=" ")
        answers.print(f"{finding.what}: {finding.words}", markup=False)
    if not all(finding.well for finding in findings):
        raise SystemExit(1)
