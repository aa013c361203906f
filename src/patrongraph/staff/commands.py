"""The operator's commands for staff accounts and API tokens; each acts as the SYSTEM of the library named."""

import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import click
import orjson
from rich.table import Table

from patrongraph.context import Actor
from patrongraph.libraries.commands import library_id, operator
from patrongraph.permissions import ALL_PERMISSIONS, Permission
from patrongraph.staff import actions, queries
from patrongraph.terminal import answers, notes, run

_permissions = click.option(
    "--permission",
    "permissions",
    multiple=True,
    type=click.Choice([permission.value for permission in Permission], case_sensitive=False),
    help="What it allows; repeat for more.",
)
_all_permissions = click.option("--all-permissions", is_flag=True, help="Every permission there is.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Answer in JSON, for scripts.")
_library = click.option("--library", "library_code", metavar="LIBRARY", help="Only this library's, by its code.")
_password_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
_generate = click.option("--generate", is_flag=True, help="Make a password and print it.")


@click.group()
def staff() -> None:
    """Staff accounts: who may sign in."""


@click.group()
def token() -> None:
    """Tokens of the API: what programs act with."""


@staff.command("add")
@click.argument("library_code", metavar="LIBRARY")
@click.argument("username")
@click.option("--display-name", default="", help="The name that colleagues see; the username without it.")
@_permissions
@_all_permissions
@_password_stdin
@_generate
@_as_json
def add(
    library_code: str,
    username: str,
    *,
    display_name: str,
    permissions: Sequence[str],
    all_permissions: bool,
    password_stdin: bool,
    generate: bool,
    as_json: bool,
) -> None:
    """Create a staff account; asks for the password unless told where it comes from."""
    allowed = _chosen(permissions, all_permissions)
    password = _password(password_stdin, generate)

    async def work() -> int:
        actor = await operator(library_code)
        return await actions.create_staff(actor, username, password, display_name=display_name, permissions=allowed)

    staff_id = run(work)
    shown = {"password": password} if generate else {}
    if as_json:
        _print_json({"id": staff_id, "library": library_code, "username": username, **shown})
        return
    click.echo(f"Created the staff account {username} of {library_code} with {len(allowed)} permissions.")
    if generate:
        click.echo(f"Password: {password}")


@staff.command("list")
@_library
@_as_json
def list_staff(library_code: str | None, *, as_json: bool) -> None:
    """List staff accounts with their roles."""

    async def work() -> Sequence[asyncpg.Record]:
        return await queries.staff(await _library_id(library_code))

    found = run(work)
    if as_json:
        _print_json([dict(account) for account in found])
        return
    table = Table("id", "library", "username", "name", "roles", "state", "last signed in")
    for account in found:
        state = "disabled" if not account["active"] else "locked" if account["locked"] else "active"
        table.add_row(
            str(account["id"]), account["library"], account["username"], account["display_name"],
            ", ".join(account["roles"]), state, _moment(account["last_signed_in_at"]),
        )  # fmt: skip
    answers.print(table)


@staff.command("password")
@click.argument("library_code", metavar="LIBRARY")
@click.argument("username")
@_password_stdin
@_generate
def password_command(library_code: str, username: str, *, password_stdin: bool, generate: bool) -> None:
    """Give an account a new password, lift its lock and end its sessions."""
    password = _password(password_stdin, generate)

    async def work() -> None:
        actor = await operator(library_code)
        await actions.set_password(actor, await _staff_id(actor, username), password)

    run(work)
    click.echo(f"Set the password of {username} of {library_code}.")
    if generate:
        click.echo(f"Password: {password}")


@staff.command("disable")
@click.argument("library_code", metavar="LIBRARY")
@click.argument("username")
def disable(library_code: str, username: str) -> None:
    """Keep an account from signing in, and end its sessions."""
    _set_active(library_code, username, active=False)


@staff.command("enable")
@click.argument("library_code", metavar="LIBRARY")
@click.argument("username")
def enable(library_code: str, username: str) -> None:
    """Let a disabled account sign in again."""
    _set_active(library_code, username, active=True)


@token.command("create")
@click.argument("library_code", metavar="LIBRARY")
@click.argument("name")
@_permissions
@_all_permissions
@click.option(
    "--expires-days",
    type=click.IntRange(1, 3650),
    default=365,
    show_default=True,
    help="Days until it expires.",
)
@_as_json
def create(
    library_code: str,
    name: str,
    *,
    permissions: Sequence[str],
    all_permissions: bool,
    expires_days: int,
    as_json: bool,
) -> None:
    """Create an API token and print it, this once."""
    allowed = _chosen(permissions, all_permissions)
    expires_at = datetime.now(UTC) + timedelta(days=expires_days)

    async def work() -> tuple[int, str]:
        return await actions.create_token(await operator(library_code), name, allowed, expires_at)

    token_id, plain = run(work)
    if as_json:
        _print_json({"id": token_id, "library": library_code, "token": plain, "expires_at": expires_at})
        return
    notes.print(f"Token {token_id} of {library_code}, until {_moment(expires_at)}. It is not shown again:")
    click.echo(plain)


@token.command("list")
@_library
@_as_json
def list_tokens(library_code: str | None, *, as_json: bool) -> None:
    """List API tokens; never the tokens themselves."""

    async def work() -> Sequence[asyncpg.Record]:
        return await queries.tokens(await _library_id(library_code))

    found = run(work)
    if as_json:
        _print_json([dict(row) for row in found])
        return
    table = Table("id", "library", "name", "permissions", "state", "expires", "last used")
    for row in found:
        table.add_row(
            str(row["id"]), row["library"], row["name"], ", ".join(row["permissions"]), row["state"].lower(),
            _moment(row["expires_at"]), _moment(row["last_used_at"]),
        )  # fmt: skip
    answers.print(table)


@token.command("revoke")
@click.argument("library_code", metavar="LIBRARY")
@click.argument("token_id", type=click.IntRange(1, 2**63 - 1), metavar="ID")
def revoke(library_code: str, token_id: int) -> None:
    """End an API token for good; `token list` shows the ids."""

    async def work() -> bool:
        return await actions.revoke_token(await operator(library_code), token_id)

    click.echo(f"Revoked token {token_id}." if run(work) else f"Token {token_id} was revoked before.")


def _set_active(library_code: str, username: str, *, active: bool) -> None:
    async def work() -> bool:
        actor = await operator(library_code)
        return await actions.set_active(actor, await _staff_id(actor, username), active)

    state = "enabled" if active else "disabled"
    click.echo(f"{username} of {library_code} is {state} now." if run(work) else f"It was {state} already.")


async def _library_id(code: str | None) -> int | None:
    if code is None:
        return None
    return await library_id(code)


async def _staff_id(actor: Actor, username: str) -> int:
    found = await queries.staff_by_username(actor.library, username)
    if found is None:
        raise click.ClickException(f"this library has no staff account {username!r}")
    return int(found["id"])


def _chosen(names: Sequence[str], everything: bool) -> frozenset[Permission]:
    if everything:
        return ALL_PERMISSIONS
    if not names:
        raise click.UsageError("Name at least one --permission, or --all-permissions.")
    return frozenset(Permission(name) for name in names)


def _password(from_stdin: bool, generate: bool) -> str:
    if from_stdin and generate:
        raise click.UsageError("--password-stdin and --generate exclude each other.")
    if generate:
        return secrets.token_urlsafe(12)
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M UTC")


def _print_json(answer: object) -> None:
    click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode())
