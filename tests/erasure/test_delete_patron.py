"""deletePatron through the API: shown, confirmed, erased; and every way it says no."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from tests.clients import Api, why
from tests.town import Town, nothing_changes, wait_until

from patrongraph import db
from patrongraph.context import Actor, ActorKind
from patrongraph.erasure import actions, deletion
from patrongraph.exports.actions import start_patron_export
from patrongraph.jobs.queries import codes
from patrongraph.permissions import Permission

DELETE = """
mutation($input: DeletePatronInput!) { deletePatron(input: $input) {
  __typename
  ... on DeletePatronPreview {
    rows { table rows } statistics otherAccounts graceDays eraseAfter confirmationToken confirmUntil
    patron { id status otherAccounts { name } }
  }
  ... on DeletePatronSuccess { patronId erased rows { table rows } statistics eraseAfter patron { id status } }
  ... on Problem { code message }
  ... on Obstacles { obstacles { code count ids } }
  ... on ConfirmationVoid { expired }
  ... on InvalidInput { field fields { reason limit } }
} }
"""
EVERYTHING = {"patron": 1, "card": 1, "address": 1, "patron_pin": 1, "block": 1}
OF_PATRON = "SELECT count(*)::int FROM {table} WHERE patron_id = $1"


async def ask(api: Api, token: str, patron: int, **given: Any) -> Any:
    return (await api.data(DELETE, {"input": {"patronId": f"pat_{patron}"} | given}, token))["deletePatron"]


async def refused(api: Api, token: str, patron: int, **given: Any) -> Any:
    """A call that must change nothing."""
    async with nothing_changes():
        return await ask(api, token, patron, **given)


async def preview(api: Api, token: str, patron: int) -> Any:
    found = await refused(api, token, patron)
    assert found["__typename"] == "DeletePatronPreview", found
    return found


async def confirmed(api: Api, token: str, patron: int, **given: Any) -> Any:
    """Both calls."""
    shown = await preview(api, token, patron)
    return await ask(api, token, patron, confirmationToken=shown["confirmationToken"], **given)


def counted(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {row["table"]: row["rows"] for row in rows}


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.PATRONS_DELETE)


async def test_what_was_shown_is_erased_and_nothing_else(api: Api, town: Town, token: str) -> None:
    patron, other = await town.patrons(2, loans=3, status="ACTIVE")
    expected = EVERYTHING | {"loan": 3, "ledger_entry": 2}
    shown = await preview(api, token, patron)
    assert counted(shown["rows"]) == expected
    assert [row["table"] for row in shown["rows"]][-1] == "patron"
    assert (shown["statistics"], shown["otherAccounts"], shown["graceDays"], shown["eraseAfter"]) == (3, 0, 0, None)
    assert shown["patron"] == {"id": f"pat_{patron}", "status": "ACTIVE", "otherAccounts": []}

    done = await ask(api, token, patron, confirmationToken=shown["confirmationToken"])
    assert done == {
        "__typename": "DeletePatronSuccess",
        "patronId": f"pat_{patron}",
        "erased": True,
        "rows": shown["rows"],
        "statistics": 3,
        "eraseAfter": None,
        "patron": None,
    }
    assert await town.remaining() == [other]
    for table in ("card", "address", "patron_pin", "block", "loan", "ledger_entry"):
        assert await db.value(OF_PATRON.format(table=table), patron) == 0
        assert await db.value(OF_PATRON.format(table=table), other) == expected[table]
    [stone] = await db.rows("SELECT library_id, patron_id, job_id, rows, state FROM tombstone")
    assert (stone["library_id"], stone["patron_id"], stone["job_id"]) == (town.id, patron, None)
    assert (orjson.loads(stone["rows"]), stone["state"]) == (expected, "LIVE_ERASED")
    assert await db.value("SELECT count(*) FROM loan_statistic") == 3
    event = await db.row(
        "SELECT actor_kind, actor_id, subject_kind, subject_id, job_id, detail FROM audit_event"
        " WHERE action = 'patron.delete'"
    )
    who = await db.value("SELECT id FROM api_token")
    assert tuple(event)[:5] == ("TOKEN", who, "patron", patron, None)
    assert orjson.loads(event["detail"]) == {"rows": expected, "statistics": 3}
    assert await db.value("SELECT count(*) FROM job") == 0


async def test_a_patron_who_is_gone_or_never_was_or_is_another_librarys_is_unknown(
    api: Api, town: Town, other_town: Town, token: str
) -> None:
    [patron], [theirs] = await town.patrons(1), await other_town.patrons(1)
    shown = await preview(api, token, patron)
    await ask(api, token, patron, confirmationToken=shown["confirmationToken"])
    for given in ({}, {"confirmationToken": shown["confirmationToken"]}, {"confirmationToken": "x"}):
        answers = [await refused(api, token, key, **given) for key in (patron, theirs, 999_999)]
        assert (
            answers
            == [
                {
                    "__typename": "NotFound",
                    "code": "NOT_FOUND",
                    "message": "The patron was not found in your library.",
                }
            ]
            * 3
        )
    assert await other_town.remaining() == [theirs]


async def test_without_retention_loans_leave_nothing(api: Api, town: Town, token: str) -> None:
    await town.policy(retain_deleted_patron_loans=False)
    [patron] = await town.patrons(1, loans=2)
    assert (await preview(api, token, patron))["statistics"] == 0
    done = await confirmed(api, token, patron)
    assert (done["erased"], done["statistics"], counted(done["rows"])["loan"]) == (True, 0, 2)
    assert await db.value("SELECT count(*) FROM loan_statistic") == 0


async def test_every_obstacle_is_named_at_once_with_its_ids(api: Api, town: Town, token: str) -> None:
    [patron] = await town.patrons(1, loans=1, status="ACTIVE")
    loans = [await town.open_loan(patron), await town.open_loan(patron, lost=True)]
    held = await town.open_reservation(patron)
    # A purge would forgive these; a deletion does not.
    await town.policy(purge_waive_limit=100)
    debts = [await town.charge(patron, "0.01"), await town.charge(patron, "2.00")]
    credit = await town.charge(patron, "-1.00")
    await db.rows("UPDATE patron SET protected = true WHERE id = $1 RETURNING id", patron)
    await start_patron_export(town.system, patron)
    export = await db.value("SELECT id FROM data_export")
    expected = [
        {"code": "CREDIT_BALANCE", "count": 1, "ids": [f"debt_{credit}"]},
        {"code": "DEBTS", "count": 2, "ids": [f"debt_{key}" for key in debts]},
        {"code": "EXPORT_IN_PROGRESS", "count": 1, "ids": [f"export_{export}"]},
        {"code": "OPEN_LOANS", "count": 2, "ids": [f"loan_{key}" for key in loans]},
        {"code": "OPEN_RESERVATIONS", "count": 1, "ids": [f"res_{held}"]},
        {"code": "PROTECTED", "count": 1, "ids": []},
    ]
    found = await refused(api, token, patron)
    assert found == {
        "__typename": "Obstacles",
        "code": "OBSTACLES",
        "message": "The patron cannot be deleted yet. In the way: 1 credit to pay out, 2 unpaid debts,"
        " 1 export in progress, 2 open loans, 1 open reservation, protection of the account.",
        "obstacles": expected,
    }
    # The same as the query says, and a confirmation does not get round them.
    query = "query($id: ID!) { patron(by: {id: $id}) { obstacles(to: DELETE) { code count ids } } }"
    asked = await api.data(query, {"id": f"pat_{patron}"}, await town.token())
    assert asked["patron"]["obstacles"] == expected
    assert await refused(api, token, patron, confirmationToken="1.x") == found


async def test_an_obstacle_that_came_after_the_preview_is_named(api: Api, town: Town, token: str) -> None:
    [patron] = await town.patrons(1)
    shown = await preview(api, token, patron)
    loan = await town.open_loan(patron)
    found = await refused(api, token, patron, confirmationToken=shown["confirmationToken"])
    assert found["obstacles"] == [{"code": "OPEN_LOANS", "count": 1, "ids": [f"loan_{loan}"]}]
    await db.rows("UPDATE loan SET returned_at = now() WHERE id = $1 RETURNING id", loan)
    # Returned by now, but the history is another than the one that was shown.
    found = await refused(api, token, patron, confirmationToken=shown["confirmationToken"])
    assert (found["code"], found["expired"]) == ("CONFIRMATION_VOID", False)


CHANGES = {
    "edit": "UPDATE patron SET notes = 'another note', version = version + 1 WHERE id = $1",
    "version": "UPDATE patron SET version = version + 1 WHERE id = $1",
    "status": "UPDATE patron SET status = 'ACTIVE' WHERE id = $1",
    "block": "INSERT INTO block (library_id, patron_id, comment, placed_at)"
    " SELECT library_id, id, 'loud', now() FROM patron WHERE id = $1",
    "comment": "UPDATE block SET comment = 'very noisy' WHERE patron_id = $1",
    "address": "UPDATE address SET city = 'Elsewhere' WHERE patron_id = $1",
    "no address": "DELETE FROM address WHERE patron_id = $1",
    "card": "INSERT INTO card (library_id, patron_id, barcode) SELECT library_id, id, 'NEW' FROM patron WHERE id = $1",
    "PIN": "UPDATE patron_pin SET pin_hash = 'other' WHERE patron_id = $1",
    "loan": "UPDATE loan SET returned_at = returned_at + interval '1 day' WHERE patron_id = $1",
    "charge": "UPDATE ledger_entry SET note = 'paid in coins' WHERE patron_id = $1",
    "session": "INSERT INTO session (patron_id, library_id, token_sha256, created_at, expires_at, last_seen_at)"
    " SELECT id, library_id, repeat('0', 64), now(), now() + interval '1 hour', now() FROM patron WHERE id = $1",
    "retention": "UPDATE library SET retain_deleted_patron_loans = false"
    " WHERE id = (SELECT library_id FROM patron WHERE id = $1)",
    "grace": "UPDATE library SET grace_days = 3 WHERE id = (SELECT library_id FROM patron WHERE id = $1)",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_any_change_in_between_makes_the_confirmation_void(api: Api, town: Town, token: str, change: str) -> None:
    [patron] = await town.patrons(1, loans=1)
    shown = await preview(api, token, patron)
    await db.rows(f"{change} RETURNING 1", patron)
    found = await refused(api, token, patron, confirmationToken=shown["confirmationToken"])
    assert found == {
        "__typename": "ConfirmationVoid",
        "code": "CONFIRMATION_VOID",
        "message": "Something about the patron has changed since the preview, or the confirmation was not made for"
        " you and this patron. Nothing was deleted: ask for a new preview and confirm that.",
        "expired": False,
    }
    # A new preview is all that it takes.
    assert (await confirmed(api, token, patron))["__typename"] == "DeletePatronSuccess"


async def test_a_new_account_elsewhere_makes_the_confirmation_void(
    api: Api, town: Town, other_town: Town, token: str
) -> None:
    [patron], [theirs] = await town.patrons(1), await other_town.patrons(1)
    person = await db.value("INSERT INTO person DEFAULT VALUES RETURNING id")
    link = "UPDATE patron SET person_id = $2 WHERE id = $1 RETURNING id"
    await db.rows(link, patron, person)
    shown = await preview(api, token, patron)
    await db.rows(link, theirs, person)
    found = await refused(api, token, patron, confirmationToken=shown["confirmationToken"])
    assert found["code"] == "CONFIRMATION_VOID"


async def test_what_is_not_about_the_patron_leaves_the_confirmation_valid(
    api: Api, town: Town, other_town: Town, token: str
) -> None:
    patron, neighbour = await town.patrons(2, loans=1)
    await db.rows(f"{CHANGES['session']} RETURNING 1", patron)
    shown = await preview(api, token, patron)
    await db.rows("UPDATE patron SET notes = 'x', version = 7 WHERE id = $1 RETURNING id", neighbour)
    await town.open_loan(neighbour)
    await other_town.patrons(1)
    await db.rows("UPDATE session SET last_seen_at = now() + interval '1 minute' RETURNING id")
    again = await preview(api, token, patron)
    assert again["rows"] == shown["rows"]
    done = await ask(api, token, patron, confirmationToken=shown["confirmationToken"])
    assert (done["erased"], counted(done["rows"])["session"]) == (True, 1)
    assert await db.value("SELECT count(*) FROM session") == 0
    assert await town.remaining() == [neighbour]


async def test_a_confirmation_is_one_actors_for_one_patron_as_it_was_made(api: Api, town: Town, token: str) -> None:
    patron, twin = await town.patrons(2)
    shown = (await preview(api, token, patron))["confirmationToken"]
    colleague = await town.token(Permission.PATRONS_DELETE)
    issued, code = shown.split(".")
    wrong = [
        f"{int(issued) + 1}.{code}",
        f"{int(issued) - 1}.{code}",
        f"{int(issued) + 3600}.{code}",
        f"{issued}.{code[:-2]}",
        f"{issued}.{code[::-1]}",
        f"{issued}.",
        f"{issued}",
        f" {shown}",
        f"{shown}=",
        f"+{shown}",
        f"-{shown}",
        f"{'9' * 30}.{code}",
        f"²{shown}",
        "",
        ".",
        "é",
    ]
    for text in wrong:
        found = await refused(api, token, patron, confirmationToken=text)
        assert (found["code"], found["expired"]) == ("CONFIRMATION_VOID", False), text
    for who, whom in ((colleague, patron), (token, twin)):
        found = await refused(api, who, whom, confirmationToken=shown)
        assert (found["code"], found["expired"]) == ("CONFIRMATION_VOID", False)
    assert (await ask(api, token, patron, confirmationToken=shown))["erased"] is True
    assert await town.remaining() == [twin]


async def issued_ago(town: Town, patron: int, seconds: int) -> str:
    """The confirmation that the only token of the library was given so long ago."""
    who = Actor(ActorKind.TOKEN, await db.value("SELECT id FROM api_token"), town.id)
    shown = await deletion.delete(who, patron, clock=lambda: time.time() - seconds)
    assert isinstance(shown, deletion.DeletionPreview)
    return shown.confirmation_token


@pytest.mark.parametrize(("seconds", "expired"), [(901, True), (905, True), (86_400, True), (-120, False)])
async def test_a_confirmation_of_another_time_is_void(
    api: Api, town: Town, token: str, seconds: int, expired: bool
) -> None:
    [patron] = await town.patrons(1)
    found = await refused(api, token, patron, confirmationToken=await issued_ago(town, patron, seconds))
    assert (found["code"], found["expired"]) == ("CONFIRMATION_VOID", expired)
    if expired:
        assert found["message"] == (
            "The confirmation is older than 15 minutes. Nothing was deleted: ask for a new preview and confirm that."
        )


async def test_a_confirmation_holds_for_almost_15_minutes(api: Api, town: Town, token: str) -> None:
    [patron] = await town.patrons(1)
    done = await ask(api, token, patron, confirmationToken=await issued_ago(town, patron, 840))
    assert done["erased"] is True


async def test_the_same_request_sent_again_gives_the_same_answer(api: Api, town: Town, token: str) -> None:
    patron, other = await town.patrons(2, loans=2)
    shown = await preview(api, token, patron)
    given = {"confirmationToken": shown["confirmationToken"], "idempotencyKey": "once"}
    first = await ask(api, token, patron, **given)
    assert first["erased"] is True
    assert await refused(api, token, patron, **given) == first
    found = await refused(api, token, other, **given)
    assert found["code"] == "IDEMPOTENCY_MISMATCH"
    for wrong, reason in (("", ("REQUIRED", None)), ("k" * 201, ("TOO_LONG", 200))):
        found = await refused(api, token, other, confirmationToken="1.x", idempotencyKey=wrong)
        assert (found["code"], found["field"]) == ("INVALID_INPUT", "input.idempotencyKey")
        assert why(found) == [reason]
    # A preview and a refusal leave the key free.
    await refused(api, token, other, idempotencyKey="later")
    await refused(api, token, other, confirmationToken="1.x", idempotencyKey="later")
    shown = await preview(api, token, other)
    last = await ask(api, token, other, confirmationToken=shown["confirmationToken"], idempotencyKey="later")
    assert last["erased"] is True


async def test_the_same_request_sent_at_once_is_done_once(api: Api, town: Town, token: str) -> None:
    [patron] = await town.patrons(1, loans=2)
    shown = await preview(api, token, patron)
    given = {"confirmationToken": shown["confirmationToken"], "idempotencyKey": "impatient"}
    answers = await asyncio.gather(*(ask(api, token, patron, **given) for _ in range(4)))
    assert answers == [answers[0]] * 4
    assert (answers[0]["erased"], answers[0]["statistics"]) == (True, 2)
    assert await db.value("SELECT count(*) FROM audit_event WHERE action = 'patron.delete'") == 1


async def test_groups_are_left_and_dissolved(api: Api, town: Town, token: str) -> None:
    lead, member, last, former = await town.patrons(4)
    pair, alone = await town.group(lead, member), await town.group(last)
    waiver = "INSERT INTO privacy_waiver (library_id, patron_id, group_id, granted_at) VALUES ($1, $2, $3, now())"
    await db.rows(f"{waiver} RETURNING id", town.id, former, alone)
    await db.rows(f"{waiver} RETURNING id", town.id, lead, pair)
    done = await confirmed(api, token, lead)
    assert counted(done["rows"]) == EVERYTHING | {"group_membership": 1, "privacy_waiver": 1}
    rows = await db.rows("SELECT group_id, patron_id, lead FROM group_membership ORDER BY id")
    assert [tuple(row) for row in rows] == [(pair, member, False), (alone, last, True)]
    await confirmed(api, token, last)
    assert [row["id"] for row in await db.rows("SELECT id FROM patron_group")] == [pair]
    assert await db.value("SELECT count(*) FROM privacy_waiver") == 0
    detail = await db.rows("SELECT detail FROM audit_event WHERE action = 'patron.delete' ORDER BY id")
    assert [orjson.loads(row["detail"])["groups_dissolved"] for row in detail] == [0, 1]


async def test_accounts_at_other_libraries_stay(api: Api, town: Town, other_town: Town, token: str) -> None:
    [patron], theirs = await town.patrons(1, loans=1), await other_town.patrons(2, loans=1)
    person = await db.value("INSERT INTO person DEFAULT VALUES RETURNING id")
    link = "UPDATE patron SET person_id = $2 WHERE id = ANY($1::bigint[]) RETURNING id"
    await db.rows(link, [patron, *theirs], person)
    shown = await preview(api, token, patron)
    assert shown["otherAccounts"] == 2
    assert shown["patron"]["otherAccounts"] == [{"name": "SOUTH"}]
    await ask(api, token, patron, confirmationToken=shown["confirmationToken"])
    assert await other_town.remaining() == theirs
    assert await db.value("SELECT count(*) FROM loan WHERE patron_id = ANY($1::bigint[])", theirs) == 2
    assert [row["person_id"] for row in await db.rows("SELECT person_id FROM patron")] == [person] * 2
    # The person goes with the last of them.
    stranger = await other_town.token(Permission.PATRONS_DELETE)
    await confirmed(api, stranger, theirs[0])
    assert await db.value("SELECT count(*) FROM person") == 1
    await confirmed(api, stranger, theirs[1])
    assert await db.value("SELECT count(*) FROM person") == 0


async def test_files_of_the_patron_go_and_whole_library_files_end(
    api: Api, town: Town, token: str, work: Callable[[int, int], Awaitable[Any]], settings: Any
) -> None:
    from patrongraph.exports.actions import create_link, start_patrons_export

    patron, _ = await town.patrons(2)
    await work(town.id, await start_patron_export(town.system, patron))
    await work(town.id, await start_patrons_export(town.system))
    for row in await db.rows("SELECT id FROM data_export"):
        await create_link(town.system, row["id"])
    assert len(list(settings.exports_dir.iterdir())) == 2
    done = await confirmed(api, token, patron)
    assert counted(done["rows"]) == EVERYTHING | {"data_export": 1, "download_link": 1}
    assert list(settings.exports_dir.iterdir()) == []
    rows = await db.rows("SELECT patron_id, state, path FROM data_export")
    assert [tuple(row) for row in rows] == [(None, "EXPIRED", None)]


async def test_days_of_grace_end_in_erasure(
    api: Api, town: Town, token: str, work: Callable[[int, int], Awaitable[Any]]
) -> None:
    await town.policy(grace_days=14)
    patron, other = await town.patrons(2, loans=1, status="ACTIVE")
    await db.rows(f"{CHANGES['session']} RETURNING 1", patron)
    shown = await preview(api, token, patron)
    assert (shown["graceDays"], shown["eraseAfter"] is None) == (14, False)
    done = await ask(api, token, patron, confirmationToken=shown["confirmationToken"])
    assert (done["erased"], done["rows"], done["statistics"]) == (False, [], 0)
    assert done["patron"] == {"id": f"pat_{patron}", "status": "PENDING_PURGE"}
    row = await db.row(
        "SELECT status, version, purge_after, purge_after = status_changed_at + interval '14 days' AS right_day"
        " FROM patron WHERE id = $1", patron
    )  # fmt: skip
    assert (row["status"], row["version"], row["right_day"]) == ("PENDING_PURGE", 2, True)
    assert done["eraseAfter"] == row["purge_after"].isoformat()
    asked = await api.data(
        "query($id: ID!) { patron(by: {id: $id}) { purgeAfter } }", {"id": f"pat_{patron}"}, await town.token()
    )
    assert asked["patron"]["purgeAfter"] is not None
    # Signed out at once, and nothing else is gone.
    assert await db.value("SELECT count(*) FROM session") == 0
    assert await db.value(OF_PATRON.format(table="loan"), patron) == 1
    assert await town.remaining() == [patron, other]
    detail = await db.value("SELECT detail FROM audit_event WHERE action = 'patron.delete'")
    assert orjson.loads(detail) == {"grace_days": 14, "sessions": 1}

    # Asked for again it waits no longer and no shorter.
    again = await preview(api, token, patron)
    assert again["eraseAfter"] == done["eraseAfter"]
    repeated = await refused(api, token, patron, confirmationToken=again["confirmationToken"])
    assert repeated == done

    assert await actions.start_due() == []
    await db.rows("UPDATE patron SET purge_after = now() WHERE id = $1 RETURNING id", patron)
    loan = await town.open_loan(patron)
    [job] = await actions.start_due()
    found = await work(town.id, job)
    assert ((found.done, found.skipped), await codes(town.id, job)) == ((0, 1), {"OPEN_LOANS": 1})
    await db.rows("UPDATE loan SET returned_at = now() WHERE id = $1 RETURNING id", loan)
    await db.rows("UPDATE patron SET purge_after = now() WHERE id = $1 RETURNING id", patron)
    [job] = await actions.start_due()
    assert (await work(town.id, job)).done == 1
    assert await town.remaining() == [other]
    assert await db.value("SELECT job_id FROM tombstone") == job


async def test_a_waiting_patron_is_erased_at_once_where_there_is_no_grace_any_more(
    api: Api, town: Town, token: str
) -> None:
    [patron] = await town.patrons(1)
    await town.policy(grace_days=5)
    await confirmed(api, token, patron)
    await town.policy(grace_days=0)
    assert (await confirmed(api, token, patron))["erased"] is True
    assert await town.remaining() == []


async def test_two_staff_at_once_delete_once(api: Api, town: Town) -> None:
    ids = await town.patrons(5, loans=2)
    staff = [await town.token(Permission.PATRONS_DELETE) for _ in range(3)]
    for patron in ids:
        shown = [(await preview(api, who, patron))["confirmationToken"] for who in staff]
        answers = await asyncio.gather(
            *(ask(api, who, patron, confirmationToken=code) for who, code in zip(staff, shown, strict=True))
        )
        assert sorted(each["__typename"] for each in answers) == ["DeletePatronSuccess", "NotFound", "NotFound"]
    assert await town.remaining() == []
    for table, count in (("tombstone", 5), ("loan_statistic", 10)):
        assert await db.value(f"SELECT count(*) FROM {table}") == count
    assert await db.value("SELECT count(*) FROM audit_event WHERE action = 'patron.delete'") == 5


async def test_deleted_while_a_purge_has_the_patron_there_is_one_effect(
    api: Api, town: Town, token: str, work: Callable[[int, int], Awaitable[Any]]
) -> None:
    ids = await town.patrons(40, loans=2)
    shown = [(await preview(api, token, patron))["confirmationToken"] for patron in ids]
    started = await actions.start(town.system, patron_ids=ids)
    assert isinstance(started, actions.PurgeStarted)
    deleting = asyncio.gather(
        *(ask(api, token, patron, confirmationToken=code) for patron, code in zip(ids[::4], shown[::4], strict=True))
    )
    job, answers = await asyncio.gather(work(town.id, started.job_id), deleting)
    deleted = [each["__typename"] == "DeletePatronSuccess" for each in answers]
    assert all(won or each["__typename"] == "NotFound" for won, each in zip(deleted, answers, strict=True))
    assert (job.done, job.failed, job.skipped) == (40, 0, 0)
    assert (await codes(town.id, job.id)).get("ALREADY_GONE", 0) == sum(deleted)
    assert await town.remaining() == []
    assert await db.value("SELECT count(*) FROM tombstone") == 40
    assert await db.value("SELECT count(*) FROM loan_statistic") == 80


async def test_a_loan_under_way_is_waited_for(api: Api, town: Town, token: str) -> None:
    [patron] = await town.patrons(1)
    shown = await preview(api, token, patron)
    lent, go_on = asyncio.Event(), asyncio.Event()

    async def lend() -> int:
        async with db.transaction():
            made = await town.open_loan(patron)
            lent.set()
            await go_on.wait()
            return made

    async def waiting() -> bool:
        return await db.value(
            "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )

    lending = asyncio.create_task(lend())
    await lent.wait()
    deleting = asyncio.create_task(ask(api, token, patron, confirmationToken=shown["confirmationToken"]))
    await wait_until(waiting)
    go_on.set()
    loan = await lending
    found = await deleting
    assert found["obstacles"] == [{"code": "OPEN_LOANS", "count": 1, "ids": [f"loan_{loan}"]}]
    assert await town.remaining() == [patron]


async def test_without_the_permission_nothing_happens(api: Api, town: Town, token: str) -> None:
    [patron] = await town.patrons(1)
    shown = await preview(api, token, patron)
    lesser = await town.token(*(frozenset(Permission) - {Permission.PATRONS_DELETE}))
    async with nothing_changes():
        for given in ({}, {"confirmationToken": shown["confirmationToken"]}):
            variables = {"input": {"patronId": f"pat_{patron}"} | given}
            assert await api.refused(DELETE, variables, lesser) == ["FORBIDDEN"]
            assert await api.refused(DELETE, variables) == ["UNAUTHENTICATED"]


async def test_what_cannot_be_read_is_refused_before_anything_runs(api: Api, town: Town, token: str) -> None:
    [patron] = await town.patrons(1)
    wrong: list[dict[str, Any]] = [
        {"patronId": "pat_x"},
        {"patronId": "job_1"},
        {"patronId": None},
        {"patronId": f"pat_{patron}", "confirmationToken": "a\0b"},
        {"patronId": f"pat_{patron}", "confirmationToken": "1.\ud800"},
        {"patronId": f"pat_{patron}", "confirmationToken": 7},
        {"patronId": f"pat_{patron}", "confirmationToken": "1.x", "idempotencyKey": "a\0b"},
        {"patronId": f"pat_{patron}", "confirm": True},
    ]
    async with nothing_changes():
        for given in wrong:
            # By hand, because httpx itself refuses to send half a character.
            content = json.dumps({"query": DELETE, "variables": {"input": given}})
            headers = api.headers(token) | {"content-type": "application/json"}
            async with api.client() as client:
                answer = await client.post("/graphql", content=content, headers=headers)
            body = answer.json()
            assert body.get("data") is None, given
            codes_ = [error["extensions"]["code"] for error in body["errors"]]
            assert codes_[0] in ("BAD_ARGUMENT", "BAD_VARIABLES", "BAD_INPUT", "BAD_REQUEST"), (given, answer.text)


# Every column of a table that can hold text of any kind, with all rows in one text.
SEARCH = "SELECT string_agg(to_jsonb(t)::text, ' ') FROM {table} t"
CANARY = "qzcanaryxj"
MARK = """
UPDATE {table} SET {column} = left('{canary}' || {key}, {room}) WHERE {key} = $1
"""
# What somebody could have typed about a patron. The category is a class of patrons, which statistics keep.
TEXT_COLUMNS = """
SELECT c.table_name, c.column_name, coalesce(c.character_maximum_length, 200) AS room
FROM information_schema.columns c
WHERE c.table_schema = 'public' AND c.is_generated = 'NEVER'
  AND c.column_name NOT IN ('kind', 'state', 'status', 'category')
  AND c.data_type IN ('text', 'character varying')
  AND c.table_name = ANY($1::text[])
ORDER BY 1, 2
"""


async def test_nothing_of_the_patron_is_left_anywhere(
    api: Api, town: Town, token: str, valkey: Any, api_log: Any, settings: Any
) -> None:
    patron, other = await town.patrons(2, loans=1)
    await town.group(patron, other)
    await town.charge(patron, "3.00")
    await db.rows("UPDATE ledger_entry SET outstanding = 0 WHERE kind = 'CHARGE' RETURNING id")
    await town.open_reservation(patron)
    await db.rows("UPDATE reservation SET state = 'CANCELLED', cancelled_at = now() RETURNING id")
    await db.rows(f"{CHANGES['session']} RETURNING 1", patron)
    await db.rows("UPDATE patron SET date_of_birth = '1923-04-05' WHERE id = $1 RETURNING id", patron)
    own = ["patron", "address", "card", "patron_pin", "block", "ledger_entry"]
    marked = 0
    for column in await db.rows(TEXT_COLUMNS, own):
        key = "id" if column["table_name"] == "patron" else "patron_id"
        mark = MARK.format(
            table=column["table_name"], column=column["column_name"], canary=CANARY, key=key, room=column["room"]
        )
        if column["column_name"] == "external_id" and column["table_name"] == "ledger_entry":
            mark += " AND id = (SELECT min(id) FROM ledger_entry WHERE patron_id = $1)"
        marked += len(await db.rows(f"{mark} RETURNING 1", patron))
    assert marked > 20
    # Every answer on the way there, refusals with the patron's name in the request included.
    async with nothing_changes():
        await ask(api, token, patron, confirmationToken=f"1.{CANARY}")
    shown = await preview(api, token, patron)
    assert CANARY not in str(shown)
    await ask(api, token, patron, confirmationToken=shown["confirmationToken"], idempotencyKey="k")
    assert await town.remaining() == [other]
    tables = await db.rows("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
    assert len(tables) > 20
    for table in tables:
        held = (await db.value(SEARCH.format(table=table["relname"]))) or ""
        assert CANARY not in held.lower(), table["relname"]
        assert "1923-04-05" not in held, table["relname"]
    assert await db.value("SELECT count(*) FROM session") == 0
    for key in await valkey.keys("*"):
        assert CANARY.encode() not in key
    assert CANARY not in api_log.read_text()
    left = [path for path in settings.data_dir.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert left == []
