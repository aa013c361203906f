"""The demonstration library of `patrongraph up` and its sign-in, made anew for every data directory."""

import asyncio
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import orjson

from patrongraph import db
from patrongraph.context import system_actor
from patrongraph.libraries import queries as libraries
from patrongraph.permissions import ALL_PERMISSIONS
from patrongraph.settings import Settings
from patrongraph.staff import actions as staff
from patrongraph.staff import queries as staff_queries
from patrongraph.staff.identify import identify
from patrongraph.staff.problems import Unauthenticated

USERNAME = "demo"
TOKEN_NAME = "Demonstration"  # noqa: S105 - what it is called, not the token


@dataclass(frozen=True, slots=True)
class SignIn:
    """What `patrongraph up` prints; kept in the data directory, readable by its owner only."""

    library: str
    username: str
    password: str
    token: str = ""


def sign_in_file(settings: Settings) -> Path:
    """Return where the sign-in of this data directory is kept."""
    return settings.data_dir / "demonstration.json"


def prepare(settings: Settings, *, load: bool) -> SignIn | None:
    """Load the demonstration when there is no library at all; return its sign-in, None without demonstration.

    A run that was killed in the middle is completed by the next: the file is written first.
    """
    return asyncio.run(_prepare(settings, load=load))


async def _prepare(settings: Settings, *, load: bool) -> SignIn | None:
    await db.open_pools(settings)
    try:
        file = sign_in_file(settings)
        kept = _read(file)
        present = await libraries.all_libraries()
        unfinished = kept is not None and not kept.library
        if load and (unfinished or not present):
            from patrongraph.imports import demo

            kept = _keep(file, SignIn("", USERNAME, secrets.token_urlsafe(15)))
            await demo.load_demonstration()
            kept = _keep(file, replace(kept, library=demo.DEMONSTRATION[0][0]))
        return _keep(file, await _complete(kept)) if kept is not None and kept.library else None
    finally:
        await db.close_pools()


async def _complete(kept: SignIn) -> SignIn:
    """Make the account and the token unless they are there already; a changed password is left alone."""
    library = await libraries.by_code(kept.library)
    if library is None:
        return kept
    actor = system_actor(library["id"])
    if await staff_queries.staff_by_username(actor.library, kept.username) is None:
        await staff.create_staff(
            actor, kept.username, kept.password, display_name="Demonstration", permissions=ALL_PERMISSIONS
        )
    try:
        await identify(session_token=None, authorization=f"Bearer {kept.token}")
    except Unauthenticated:
        _, token = await staff.create_token(actor, TOKEN_NAME, ALL_PERMISSIONS)
        return replace(kept, token=token)
    return kept


def _read(file: Path) -> SignIn | None:
    return SignIn(**orjson.loads(file.read_bytes())) if file.exists() else None


def _keep(file: Path, sign_in: SignIn) -> SignIn:
    if _read(file) != sign_in:
        part = file.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
            written.write(orjson.dumps(asdict(sign_in)))
        part.replace(file)
    return sign_in
