"""Nobody learns who exists: not by what is said, not by what is compared, not by being locked out."""

from collections.abc import Awaitable, Callable
from types import ModuleType
from typing import Any

import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from tests.clients import Api
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.own_account import actions as own_account
from patrongraph.patrons.pins import hash_pin
from patrongraph.problems import Refused
from patrongraph.staff import actions, passwords

from .conftest import PASSWORD, PIN, SIGN_IN, SIGN_IN_PATRON, browsing, found, more_staff

SignIn = Callable[[str, str, str | None], Awaitable[str]]
SIGN_INS: dict[str, SignIn] = {"staff": actions.sign_in, "patron": own_account.sign_in}
RIGHT = {"staff": PASSWORD, "patron": PIN}


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parameters of each hash that a secret is compared with."""
    seen: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            seen.append(str(hash).rsplit("$", 2)[0])
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "HASHER", Counting(time_cost=2, memory_cost=19_456, parallelism=1))
    return seen


async def put_pins(*libraries: int) -> None:
    await db.rows("UPDATE patron_pin SET pin_hash = $1 WHERE library_id = ANY($2)", await hash_pin(PIN), libraries)


@pytest_asyncio.fixture
async def people(town: Town, other_town: Town) -> Any:
    """Of staff and patrons: known, disabled and locked ones in NORTH; "both" in two libraries."""
    await more_staff(town, "known", "disabled", "locked", "both")
    await more_staff(other_town, "both", "south")
    await db.rows("UPDATE staff_user SET active = false WHERE username = 'disabled'")
    names = ["known", "disabled", "locked", "both", "without"]
    ids = await town.patrons(len(names), status="ACTIVE")
    theirs = await other_town.patrons(2, status="ACTIVE")
    for key, name in [*zip(ids, names, strict=True), (theirs[0], "both"), (theirs[1], "south")]:
        await db.rows("UPDATE card SET barcode = $2 WHERE patron_id = $1", key, name)
    await put_pins(town.id, other_town.id)
    await db.rows("UPDATE patron SET status = 'INACTIVE' WHERE id = $1", ids[1])
    await db.rows("DELETE FROM patron_pin WHERE patron_id = $1", ids[4])
    for table, of in (("staff_user", "username = 'locked'"), ("patron_pin", f"patron_id = {ids[2]}")):
        await db.rows(f"UPDATE {table} SET failed_attempts = 5, locked_until = now() + interval '9 min' WHERE {of}")


async def outcome(kind: str, name: str, secret: str, library: str | None) -> str:
    try:
        await SIGN_INS[kind](name, secret, library)
    except Refused as refused:
        return f"{refused.problem.code.value}: {refused.problem.message}"
    return "in"


@pytest.mark.parametrize("kind", SIGN_INS)
@pytest.mark.parametrize(("library", "times"), [("NORTH", 1), ("NOWHERE", 1), (None, 2), (" ", 2)])
async def test_every_attempt_compares_as_often(
    people: None, compared: list[str], kind: str, library: str | None, times: int
) -> None:
    said = set()
    for name, secret in (
        ("known", "wrong"), ("unknown", "wrong"), ("disabled", RIGHT[kind]), ("locked", RIGHT[kind]),
        ("locked", "wrong"), ("without", "wrong"), ("both", "wrong"), ("", "wrong"), ("unknown", RIGHT[kind]),
        ("a\x00b", "wrong"), ("known", ""), ("known", "\ud800"), ("known", "x" * 5000),
    ):  # fmt: skip
        compared.clear()
        said.add(await outcome(kind, name, secret, library))
        assert compared == ["$argon2id$v=19$m=19456,t=2,p=1"] * times, name
    [one] = said
    assert one.startswith("SIGN_IN_FAILED: ")
    compared.clear()
    assert await outcome(kind, "known", RIGHT[kind], library) == ("in" if library != "NOWHERE" else one)
    assert len(compared) == times


async def test_where_there_is_one_library_one_comparison_is_enough(town: Town, compared: list[str]) -> None:
    await more_staff(town, "known")
    for name in ("known", "unknown"):
        await outcome("staff", name, "wrong", None)
    assert len(compared) == 2


@pytest.mark.parametrize("kind", SIGN_INS)
async def test_that_two_libraries_know_somebody_is_told_to_them_only(
    people: None, database: ModuleType, kind: str
) -> None:
    table, counted = {
        "staff": ("staff_user", "username = 'both'"),
        "patron": ("patron_pin", "patron_id IN (SELECT patron_id FROM card WHERE barcode = 'both')"),
    }[kind]
    counts = f"SELECT failed_attempts FROM {table} WHERE {counted} ORDER BY library_id"
    for n in range(1, 4):
        assert (await outcome(kind, "both", "wrong", None)) == (await outcome(kind, "unknown", "wrong", None))
        assert [row["failed_attempts"] for row in await db.rows(counts)] == [n, n]  # a guess at each of them
    assert (await outcome(kind, "both", RIGHT[kind], None)).startswith("LIBRARY_REQUIRED: ")
    assert [row["failed_attempts"] for row in await db.rows(counts)] == [0, 0]
    other = await passwords.hash_secret("another secret") if kind == "staff" else await hash_pin("another secret")
    column = "password_hash" if kind == "staff" else "pin_hash"
    await db.rows(f"UPDATE {table} SET {column} = $1 WHERE {counted} AND library_id = 2", other)
    async with nothing_changes():  # right at one: no guess at the other
        assert (await outcome(kind, "both", RIGHT[kind], None)).startswith("LIBRARY_REQUIRED: ")
    # Nor does the question open what is locked.
    await db.rows(f"UPDATE {table} SET locked_until = now() + interval '9 min' WHERE {counted}")
    assert (await outcome(kind, "both", RIGHT[kind], None)) == (await outcome(kind, "unknown", "wrong", None))
    assert await db.value("SELECT count(*) FROM session") == 0


@pytest.mark.parametrize("kind", SIGN_INS)
async def test_being_locked_out_tells_nothing(api: Api, people: None, kind: str) -> None:
    """The same answers in the same order for who exists and for who does not, past the lock."""
    query = {"staff": SIGN_IN, "patron": SIGN_IN_PATRON}[kind]
    heard = {}
    async with browsing(api.url) as browser:
        for name in ("known", "unknown", "disabled", "south"):
            given = {"u": name, "l": "NORTH"}
            tries = ["wrong"] * 6 + ([RIGHT[kind]] if name == "known" else ["wrong"])
            heard[name] = [await found(browser, query, given | {"p": secret}) for secret in tries]
    assert await db.value("SELECT count(*) FROM audit_event WHERE action IN ('staff.lock', 'patron.lock_pin')") == 1
    assert {answer["code"] for answer in heard["known"]} == {"SIGN_IN_FAILED"}
    assert heard["known"] == heard["unknown"] == heard["disabled"] == heard["south"]
