"""What the commands of the command line share: servers, an open database, and errors put for people."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import TypeVar
from urllib.parse import urlsplit

import asyncpg
import click
from rich.console import Console

from patrongraph import db
from patrongraph.problems import Refused
from patrongraph.settings import Settings

T = TypeVar("T")
ServersForCommand = Callable[[], AbstractContextManager[Settings]]

# Commands print their answer to `answers` (stdout), and progress, hints and errors to `notes` (stderr).
answers = Console(highlight=False, soft_wrap=True)
notes = Console(stderr=True, highlight=False, soft_wrap=True)


def without_password(url: str) -> str:
    """Return an address that may be shown and logged."""
    password = urlsplit(url).password
    shown = url.replace(f":{password}@", ":***@", 1) if password else url
    return re.sub(r"(?<=[?&]password=)[^&]*", "***", shown)


CANNOT_OPEN = (OSError, ValueError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError,
               asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError)  # fmt: skip


def cannot_open(url: str, error: Exception) -> click.ClickException:
    """Return the one line for a database that cannot be reached."""
    why = " ".join(str(error).split()) or type(error).__name__
    return click.ClickException(f"cannot open the database {without_password(url)}: {why}")


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Run one command's coroutine function with db's pools open; call it inside a `patrongraph` command.

    Without addresses in the settings it uses the embedded servers of the data directory, and starts them for
    the length of the command when nobody did. Refusals and an unreachable server become one clear line.
    """
    servers: ServersForCommand = click.get_current_context().find_root().obj
    with servers() as settings:
        try:
            return asyncio.run(_with_pools(settings, work))
        except Refused as refused:
            raise click.ClickException(refused.problem.message) from refused
        except asyncpg.UndefinedTableError as error:
            raise click.ClickException("the database has no tables yet: run `patrongraph migrate`") from error


async def _with_pools(settings: Settings, work: Callable[[], Awaitable[T]]) -> T:
    try:
        await db.open_pools(settings)
    except CANNOT_OPEN as error:
        await db.close_pools()
        raise cannot_open(settings.database_url, error) from error
    try:
        return await work()
    finally:
        await db.close_pools()
