"""The command line: a table of commands, each loaded from its feature when called, and their servers."""

import asyncio
import importlib
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from pydantic import SecretStr, ValidationError

from patrongraph import __version__
from patrongraph.embedded import Servers, Unavailable, kept_secret
from patrongraph.settings import Settings, UnreadableFile, get_settings, use_settings
from patrongraph.terminal import CANNOT_OPEN, cannot_open

# Command → where it is written: `patrongraph.<feature>.commands:<function>`. A feature adds a line here.
COMMANDS = {
    "up": "patrongraph.up:up",
    "serve": "patrongraph.serve:serve",
    "worker": "patrongraph.serve:worker",
    "migrate": "patrongraph.cli:migrate",
    "schema": "patrongraph.cli:schema",
    "doctor": "patrongraph.doctor:doctor",
    "import": "patrongraph.imports.commands:group",
    "staff": "patrongraph.staff.commands:staff",
    "token": "patrongraph.staff.commands:token",
    "purge": "patrongraph.erasure.commands:group",
    "erase-at-rest": "patrongraph.erasure.at_rest_commands:command",
    "cohorts": "patrongraph.cohorts.commands:group",
    "rollover": "patrongraph.rollover.commands:command",
    "export": "patrongraph.exports.commands:group",
    "jobs": "patrongraph.jobs.commands:group",
    "statistics": "patrongraph.statistics.commands:command",
    "certificate": "patrongraph.erasure.certificate_commands:group",
    "tombstones": "patrongraph.erasure.tombstone_commands:group",
    "audit": "patrongraph.audit.commands:group",
}


class LazyCommands(click.Group):
    """Loads a command's module only when that command is called: `patrongraph migrate` needs no GraphQL."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


def secret_key_file(settings: Settings) -> Path:
    """Return where the secret made for a data directory is kept."""
    return settings.data_dir / "secret.key"


def with_secret_key(settings: Settings, *, make: bool) -> Settings:
    """Return the settings with the data directory's own secret when PATRONGRAPH_SECRET_KEY is not set."""
    kept = secret_key_file(settings)
    if settings.secret_key.get_secret_value() or not (make or kept.exists()):
        return settings
    return settings.model_copy(update={"secret_key": SecretStr(kept_secret(kept, 48))})


@contextmanager
def local_servers(*, migrate: bool = False) -> Iterator[Settings]:
    """Give a command settings whose addresses are complete: those given, or the embedded servers'.

    Embedded servers that nobody runs are started, migrated, and stopped again when the command ends; with
    migrate=True any database is migrated.
    """
    settings = get_settings()
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:  # so that what is open is closed
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    if settings.database_url and settings.redis_url:
        use_settings(with_secret_key(settings, make=False))
        if migrate:
            apply_migrations()
        yield get_settings()
        return
    try:
        servers = Servers(settings.data_dir)
        was_running = servers.data_dir.exists() and servers.running()
        with servers:
            addresses = servers.addresses
            filled = {
                "database_url": settings.database_url or addresses.database_url,
                "redis_url": settings.redis_url or addresses.redis_url,
            }
            use_settings(with_secret_key(settings.model_copy(update=filled), make=True))
            if migrate or not (was_running or settings.database_url):
                apply_migrations()
            yield get_settings()
    except Unavailable as error:
        raise click.ClickException(str(error)) from error
    finally:
        use_settings(settings)


def apply_migrations() -> None:
    """Bring the database of the settings up to date."""
    from patrongraph import migrate as migrations

    url = get_settings().database_url
    try:
        asyncio.run(migrations.apply(url))
    except CANNOT_OPEN as error:
        raise cannot_open(url, error) from error


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="patrongraph")
@click.pass_context
def main(ctx: click.Context) -> None:
    """PatronGraph: the patron data lifecycle of a library, as a GraphQL API with workers."""
    try:
        get_settings()
    except ValidationError as error:
        lines = [f"PATRONGRAPH_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors()]
        raise click.ClickException("these settings are not right:\n  " + "\n  ".join(lines)) from None
    except UnreadableFile as error:
        raise click.ClickException(str(error)) from None
    ctx.obj = local_servers


@click.command()
def migrate() -> None:
    """Bring the database's tables up to this version; safe to run twice and from several places at once."""
    with local_servers(migrate=True):
        pass
    click.echo("The database is up to date.")


@click.command()
@click.option("--check", "file", type=click.Path(path_type=Path), help="Compare with this file, print nothing.")
def schema(file: Path | None) -> None:
    """Print the GraphQL schema; with --check FILE end with 1 when the file says something else."""
    from patrongraph.schema import schema as merged

    text = merged.as_str().rstrip() + "\n"
    if file is None:
        click.echo(text, nl=False)
        return
    kept = file.read_text() if file.exists() else ""
    if kept != text:
        raise click.ClickException(f"{file} is not up to date: run `make schema` and look at what changed")
