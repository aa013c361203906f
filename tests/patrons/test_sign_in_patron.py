"""signInPatron: one answer for every failure, a lock that counts, and a session that ends with its reason."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from tests.clients import MODERN, Api, Socket
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.context import Actor, ActorKind
from patrongraph.own_account import actions
from patrongraph.patrons.actions import deactivate, reactivate
from patrongraph.patrons.pins import hash_pin, verify_pins
from patrongraph.problems import Refused
from patrongraph.settings import Settings
from patrongraph.staff.actions import create_staff, end_patron_sessions
from patrongraph.staff.identify import current_permissions, identify, still_valid
from patrongraph.staff.problems import Unauthenticated

PIN = "4711"
SIGN_IN = """
mutation($b: String!, $p: String!, $l: String) { signInPatron(input: {barcode: $b, pin: $p, libraryCode: $l}) {
  __typename ... on SignInPatronSuccess { expiresAt } ... on Problem { code message }
  ... on AccountBlocked { messages } } }
"""
ME = "{ viewer { __typename ... on PatronViewer { patron { id } } } }"


async def with_pin(town: Town, *, pin: str = PIN, status: str = "ACTIVE") -> int:
    """A patron whose card is B<id>."""
    [patron] = await town.patrons(1, status=status)
    stored = await hash_pin(pin)
    await db.rows("UPDATE patron_pin SET pin_hash = $2 WHERE patron_id = $1 RETURNING patron_id", patron, stored)
    return patron


@pytest.fixture
async def patron(town: Town) -> int:
    return await with_pin(town)


@asynccontextmanager
async def browsing(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with api.client() as client:
        client.headers.update({"accept": MODERN, "origin": api.url, "sec-fetch-site": "same-origin"})
        yield client


@pytest.fixture
async def browser(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    async with browsing(api) as client:
        yield client


async def ask(browser: httpx.AsyncClient, query: str, variables: Any = None) -> httpx.Response:
    return await browser.post("/graphql", json={"query": query, "variables": variables})


async def sign_in(browser: httpx.AsyncClient, barcode: str, pin: str = PIN, library: str | None = None) -> Any:
    answer = await ask(browser, SIGN_IN, {"b": barcode, "p": pin, "l": library})
    assert (answer.status_code, answer.json().get("errors")) == (200, None), answer.text
    found = answer.json()["data"]["signInPatron"]
    assert ("set-cookie" in answer.headers) == (found["__typename"] == "SignInPatronSuccess")
    return found


async def is_out(browser: httpx.AsyncClient) -> bool:
    answer = await ask(browser, ME)
    if answer.status_code == 200:
        assert answer.json()["data"]["viewer"]["__typename"] == "PatronViewer"
        return False
    assert [error["extensions"]["code"] for error in answer.json()["errors"]] == ["UNAUTHENTICATED"]
    return True


async def test_a_patron_signs_in_and_out(browser: httpx.AsyncClient, patron: int) -> None:
    answer = await ask(browser, SIGN_IN, {"b": f" B{patron} ", "p": PIN})
    assert answer.json()["data"]["signInPatron"]["__typename"] == "SignInPatronSuccess"
    assert answer.headers["set-cookie"].endswith("; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict")
    me = (await ask(browser, ME)).json()
    assert me == {
        "data": {"viewer": {"__typename": "PatronViewer", "patron": {"id": f"pat_{patron}"}}},
        "extensions": {"cost": {"requested": 2, "limit": 50_000}},
    }
    session = await db.row("SELECT id, patron_id, staff_user_id, library_id, token_sha256 FROM session")
    assert session is not None
    token = browser.cookies["pg_session"]
    assert tuple(session)[1:] == (patron, None, 1, hashlib.sha256(token.encode()).hexdigest())
    event = await db.row("SELECT actor_kind, actor_id, subject_kind, subject_id FROM audit_event ORDER BY id DESC")
    assert event is not None
    assert tuple(event) == ("PATRON", patron, "session", session["id"])
    # Use of the account, not an edit of it.
    assert await db.value("SELECT last_activity_at > now() - interval '1 minute' FROM patron") is True
    assert await db.value("SELECT version FROM patron") == 1
    out = await ask(browser, "mutation { signOut { ended } }")
    assert out.json() == {
        "data": {"signOut": {"ended": True}},
        "extensions": {"cost": {"requested": 0, "limit": 50_000}},
    }
    assert "pg_session" not in browser.cookies
    assert await db.value("SELECT count(*) FROM session") == 0
    browser.cookies.set("pg_session", token)
    assert await is_out(browser)


async def test_signing_in_again_ends_the_session_before(browser: httpx.AsyncClient, town: Town, patron: int) -> None:
    second = await with_pin(town)
    for each in (patron, second):
        await sign_in(browser, f"B{each}")
    assert [row["patron_id"] for row in await db.rows("SELECT patron_id FROM session")] == [second]
    assert (await ask(browser, ME)).json()["data"]["viewer"]["patron"]["id"] == f"pat_{second}"


async def test_the_pin_is_peppered_then_hashed(settings: Settings, database: object) -> None:
    stored = await hash_pin(PIN)
    secret = settings.secret_key.get_secret_value().encode()
    peppered = hmac.new(secret, PIN.encode(), hashlib.sha256).hexdigest()
    assert stored.startswith("$argon2id$")
    assert PasswordHasher().verify(stored, peppered)
    assert [each.right for each in await verify_pins(PIN, ["hash", stored], 2)] == [False, True]
    for pin, of in (("4712", stored), ("", stored), (" 4711", stored), ("\ud800", stored), (PIN, "hash")):
        assert not (await verify_pins(pin, [of], 1))[0].right
    assert await verify_pins(PIN, [], 2) == []
    assert await hash_pin(PIN) != stored


async def test_every_failure_gets_the_same_answer(
    browser: httpx.AsyncClient, town: Town, other_town: Town, patron: int
) -> None:
    inactive, leaving = await with_pin(town, status="INACTIVE"), await with_pin(town, status="INACTIVE")
    await db.rows("UPDATE patron SET status = 'PENDING_PURGE' WHERE id = $1 RETURNING id", leaving)
    without, locked, old_card = [await with_pin(town) for _ in range(3)]
    await db.rows("DELETE FROM patron_pin WHERE patron_id = $1 RETURNING 1", without)
    await db.rows(
        "UPDATE patron_pin SET locked_until = now() + interval '1 min' WHERE patron_id = $1 RETURNING 1", locked
    )
    await db.rows("UPDATE card SET active = false WHERE patron_id = $1 RETURNING id", old_card)
    theirs = await with_pin(other_town)
    said = []
    async with nothing_changes():
        for barcode, library in (
            *((f"B{each}", None) for each in (inactive, leaving, without, locked, old_card)),
            ("unknown", None), ("", None), ("B%", None),
            (f"B{patron}", "SOUTH"), (f"B{patron}", "NOWHERE"), (f"B{theirs}", "NORTH"),
        ):  # fmt: skip
            said.append(await sign_in(browser, barcode, PIN, library))
    wrong = await sign_in(browser, f"B{patron}", "0000")
    assert (wrong["__typename"], wrong["code"]) == ("SignInFailed", "SIGN_IN_FAILED")
    assert said == [wrong] * len(said)
    for pin in ("", " " + PIN, "9" * 5000):
        assert await sign_in(browser, f"B{patron}", pin) == wrong
    assert await db.value("SELECT count(*) FROM session") == 0


async def test_five_wrong_pins_lock_for_a_quarter_of_an_hour(browser: httpx.AsyncClient, patron: int) -> None:
    async def stored() -> Any:
        found = await db.row(
            "SELECT failed_attempts, round(extract(epoch FROM locked_until - now()) / 60) AS minutes FROM patron_pin"
        )
        assert found is not None
        return tuple(found)

    for attempt in range(1, 5):
        await sign_in(browser, f"B{patron}", "0000")
        assert await stored() == (attempt, None)
    await sign_in(browser, f"B{patron}")
    assert await stored() == (0, None)
    for _ in range(5):
        await sign_in(browser, f"B{patron}", "0000")
    assert await stored() == (5, 15)
    async with nothing_changes():
        for pin in (PIN, "0000"):
            assert (await sign_in(browser, f"B{patron}", pin))["code"] == "SIGN_IN_FAILED"
    events = await db.rows("SELECT action FROM audit_event WHERE subject_kind = 'patron' ORDER BY id")
    assert [event["action"] for event in events] == ["patron.wrong_pin"] * 8 + ["patron.lock_pin"]
    await db.rows("UPDATE patron_pin SET locked_until = now() RETURNING patron_id")
    await sign_in(browser, f"B{patron}", "0000")
    assert await stored() == (1, None)
    assert (await sign_in(browser, f"B{patron}"))["__typename"] == "SignInPatronSuccess"


async def test_attempts_side_by_side_count_one_after_another(api: Api, patron: int) -> None:
    async with browsing(api) as browser:
        answers = await asyncio.gather(*(sign_in(browser, f"B{patron}", f"000{n}") for n in range(8)))
    assert {answer["code"] for answer in answers} == {"SIGN_IN_FAILED"}
    assert await db.value("SELECT failed_attempts FROM patron_pin") == 5
    assert await db.value("SELECT count(*) FROM audit_event WHERE action = 'patron.lock_pin'") == 1


async def test_a_barcode_of_two_libraries_needs_the_library(
    browser: httpx.AsyncClient, town: Town, other_town: Town, patron: int
) -> None:
    theirs = await with_pin(other_town, pin="1234")
    await db.rows("UPDATE card SET barcode = 'SAME' RETURNING id")
    async with nothing_changes():
        found = await sign_in(browser, "SAME")
        assert (found["__typename"], found["code"]) == ("LibraryRequired", "LIBRARY_REQUIRED")
    assert (await sign_in(browser, "SAME", "1234", "south"))["__typename"] == "SignInPatronSuccess"
    assert (await ask(browser, ME)).json()["data"]["viewer"]["patron"]["id"] == f"pat_{theirs}"
    assert (await sign_in(browser, "SAME", "1234", "NORTH"))["code"] == "SIGN_IN_FAILED"
    # Where one of them cannot sign in, the other is alone.
    await db.rows("UPDATE patron SET status = 'INACTIVE' WHERE id = $1 RETURNING id", theirs)
    assert (await sign_in(browser, "SAME"))["__typename"] == "SignInPatronSuccess"
    assert (await ask(browser, ME)).json()["data"]["viewer"]["patron"]["id"] == f"pat_{patron}"


async def test_a_block_of_staff_keeps_out_and_says_so_to_the_right_pin_only(
    api: Api, browser: httpx.AsyncClient, patron: int
) -> None:
    await sign_in(browser, f"B{patron}")
    block = await db.value(
        "INSERT INTO block (library_id, patron_id, comment, message, placed_at)"
        " VALUES (1, $1, 'CANARY', 'Bring the atlas back.', now()) RETURNING id",
        patron,
    )
    assert await is_out(browser)
    async with browsing(api) as other:
        for pin, found in ((PIN, "AccountBlocked"), ("0000", "SignInFailed")):
            answer = await sign_in(other, f"B{patron}", pin)
            assert answer["__typename"] == found
            assert "CANARY" not in str(answer)
            assert answer.get("messages") == (["Bring the atlas back."] if pin == PIN else None)
    assert await db.value("SELECT count(*) FROM session") == 1
    await db.rows("UPDATE block SET lifted_at = now() WHERE id = $1 RETURNING id", block)
    assert not await is_out(browser)
    assert (await sign_in(browser, f"B{patron}"))["__typename"] == "SignInPatronSuccess"


async def test_debts_and_expiry_keep_nobody_out(browser: httpx.AsyncClient, town: Town, patron: int) -> None:
    await town.policy(block_level=0)
    await town.charge(patron, "12.50")
    await db.rows("UPDATE patron SET expires_on = current_date - 1 RETURNING id")
    assert (await sign_in(browser, f"B{patron}"))["__typename"] == "SignInPatronSuccess"
    reasons = "{ viewer { ... on PatronViewer { patron { blocked blockReasons { code amountToClear } } } } }"
    assert (await ask(browser, reasons)).json()["data"]["viewer"]["patron"] == {
        "blocked": True,
        "blockReasons": [{"code": "DEBT", "amountToClear": "12.50"}, {"code": "EXPIRED", "amountToClear": None}],
    }


async def test_a_session_ends_at_once_with_its_reason(browser: httpx.AsyncClient, town: Town, patron: int) -> None:
    """Over HTTP the API must not remember the patron; what ended stays ended when the patron is back."""
    await sign_in(browser, f"B{patron}")
    assert not await is_out(browser)
    await deactivate(town.system, [patron])
    assert await is_out(browser)
    await reactivate(town.system, [patron])
    assert await is_out(browser)
    await sign_in(browser, f"B{patron}")
    await end_patron_sessions([patron])
    assert await is_out(browser)
    await sign_in(browser, f"B{patron}")
    # As an import does it, which knows of no session.
    for status in ("INACTIVE", "ACTIVE"):
        await db.rows("UPDATE patron SET status = $1, status_changed_at = now() RETURNING id", status)
        assert await is_out(browser)
    await sign_in(browser, f"B{patron}")
    assert not await is_out(browser)
    await db.rows("UPDATE session SET expires_at = now() RETURNING id")
    assert await is_out(browser)


async def test_a_socket_that_is_open_ends_with_the_session_too(api: Api, town: Town, patron: int) -> None:
    token = await actions.sign_in(f"B{patron}", PIN)
    headers = {"cookie": f"pg_session={token}", "origin": api.url}
    async with api.raw_socket(additional_headers=headers) as connection:
        socket = Socket(connection)
        await socket.init()
        [found] = [event async for event in socket.events(ME)]
        assert found["data"]["viewer"]["patron"]["id"] == f"pat_{patron}"
        await deactivate(town.system, [patron])
        await socket.start(ME)
        refused = await socket.receive()
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "UNAUTHENTICATED")


async def test_who_a_patrons_session_is(town: Town, other_town: Town, patron: int) -> None:
    """A patron and a staff member may have the same number; neither is taken for the other."""
    staff = await create_staff(town.system, "anna", "seven quiet herons")
    assert staff == patron == 1
    token = await actions.sign_in(f"B{patron}", PIN, "north")
    actor = await identify(session_token=token, authorization=None)
    session = await db.value("SELECT id FROM session")
    assert actor == Actor(ActorKind.PATRON, patron, town.id, frozenset(), session)
    assert await still_valid(actor) == actor
    assert await still_valid(Actor(ActorKind.STAFF, staff, town.id, frozenset(), session)) is None
    assert await current_permissions(ActorKind.PATRON, patron, town.id) == frozenset()
    assert await current_permissions(ActorKind.PATRON, patron, other_town.id) is None
    assert await current_permissions(ActorKind.PATRON, 99, town.id) is None
    await db.rows("UPDATE patron SET status = 'INACTIVE' RETURNING id")
    assert await still_valid(actor) is None
    with pytest.raises(Unauthenticated):
        await identify(session_token=token, authorization=None)
    await db.rows("UPDATE patron SET status = 'ACTIVE' RETURNING id")
    await db.rows("UPDATE session SET library_id = $1 RETURNING id", other_town.id)
    with pytest.raises(Unauthenticated):
        await identify(session_token=token, authorization=None)


async def test_deactivating_while_signing_in_leaves_nobody_in(town: Town, patron: int) -> None:
    async def enter() -> str | None:
        try:
            return await actions.sign_in(f"B{patron}", PIN)
        except Refused:
            return None

    for _ in range(3):
        await asyncio.gather(enter(), enter(), deactivate(town.system, [patron]), enter())
        assert await db.value("SELECT count(*) FROM session") == 0
        await reactivate(town.system, [patron])


async def test_an_attempt_is_not_counted_inside_another_transaction(town: Town, patron: int) -> None:
    async with db.transaction():
        with pytest.raises(RuntimeError):
            await actions.sign_in(f"B{patron}", "0000")


async def test_neither_pin_nor_barcode_nor_cookie_is_logged(
    browser: httpx.AsyncClient, patron: int, api_log: Any
) -> None:
    await db.rows("UPDATE card SET barcode = 'CANARYCARD' RETURNING id")
    await sign_in(browser, "CANARYCARD", "CANARYPIN")
    await sign_in(browser, "CANARYCARD")
    log = api_log.read_text()
    for secret in ("CANARYCARD", "CANARYPIN", browser.cookies["pg_session"]):
        assert secret not in log
    trail = str([dict(row) for row in await db.rows("SELECT * FROM audit_event")])
    assert "CANARY" not in trail
