"""blockPatron through the API: it needs a reason, blocks stack, and what is sent twice is done once."""

import asyncio
import datetime as dt
from typing import Any

import pytest
from tests.clients import Api, why
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.patrons import blocks
from patrongraph.permissions import Permission

BLOCK = """mutation($in: BlockPatronInput!) { found: blockPatron(input: $in) {
  __typename
  ... on BlockSuccess {
    block { id comment message active expiresAt liftedAt placedBy { displayName } }
    patron { id blocked status version blockReasons { code message block { id } debt level amountToClear } }
  }
  ... on Problem { code message }
  ... on CommentRequired { field }
  ... on InvalidInput { field fields { reason limit } }
} }"""
LATER = "2999-01-01T12:00:00+02:00"


def asked(patron: int, **more: Any) -> dict[str, Any]:
    return {"in": {"patronId": f"pat_{patron}", "comment": "Broke a lamp", **more}}


async def block(api: Api, token: str, patron: int, **more: Any) -> Any:
    return (await api.data(BLOCK, asked(patron, **more), token))["found"]


async def refused(api: Api, token: str, patron: int, **more: Any) -> Any:
    async with nothing_changes():
        return await block(api, token, patron, **more)


async def test_a_blocked_patron_and_why(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    token = await town.token(Permission.PATRONS_BLOCK)
    found = await block(api, token, patron, comment="  Broke a lamp\n", message=" Please come to the desk ")
    key = found["block"]["id"]
    assert found == {
        "__typename": "BlockSuccess",
        "block": {
            "id": key,
            "comment": "Broke a lamp",
            "message": "Please come to the desk",
            "active": True,
            "expiresAt": None,
            "liftedAt": None,
            "placedBy": None,
        },
        "patron": {
            "id": f"pat_{patron}",
            "blocked": True,
            "status": "ACTIVE",
            "version": 1,
            "blockReasons": [
                {
                    "code": "MANUAL",
                    "message": "Please come to the desk",
                    "block": {"id": key},
                    "debt": None,
                    "level": None,
                    "amountToClear": None,
                }
            ],
        },
    }
    who = await db.value("SELECT id FROM api_token")
    event = await db.row("SELECT * FROM audit_event WHERE action = 'patron.block'")
    assert event is not None
    assert (event["actor_kind"], event["actor_id"], event["subject_kind"], event["subject_id"]) == (
        "TOKEN", who, "patron", patron,
    )  # fmt: skip
    # What was typed is in the block and nowhere else.
    assert event["detail"] == f'{{"block": {key.removeprefix("block_")}, "expires": false, "message": true}}'


async def test_the_staff_member_who_blocked_is_named(database: object, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    anna = await town.staff(Permission.PATRONS_BLOCK)
    placed = await blocks.place(anna, patron, "Shouted")
    assert await db.value("SELECT placed_by_id FROM block WHERE id = $1", placed.block_id) == anna.id


async def test_without_a_message_the_reason_says_no_more_than_that(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    token = await town.token()
    for message in (None, "", "  \n"):
        found = await block(api, token, patron, message=message)
        assert found["block"]["message"] is None
    assert [reason["message"] for reason in found["patron"]["blockReasons"]] == ["Blocked by staff."] * 3


async def test_blocks_stack(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    token = await town.token()
    first = await block(api, token, patron)
    second = await block(api, token, patron, expiresAt=LATER)
    assert second["block"]["expiresAt"] == "2999-01-01T10:00:00+00:00"
    reasons = [reason["block"]["id"] for reason in second["patron"]["blockReasons"]]
    assert reasons == [first["block"]["id"], second["block"]["id"]]


async def test_loans_debts_reservations_and_any_status_are_no_obstacle(api: Api, town: Town) -> None:
    token = await town.token()
    for status in ("ACTIVE", "INACTIVE"):
        [patron] = await town.patrons(1, status=status)
        await town.open_loan(patron)
        await town.open_reservation(patron)
        await town.charge(patron, "99.00")
        assert (await block(api, token, patron))["__typename"] == "BlockSuccess"
    # One who waits for a purge may be restored, and is blocked then.
    await db.rows("UPDATE patron SET status = 'PENDING_PURGE', purge_after = now() WHERE id = $1 RETURNING id", patron)
    found = await block(api, token, patron)
    assert [reason["code"] for reason in found["patron"]["blockReasons"]] == ["MANUAL", "MANUAL", "INACTIVE"]


@pytest.mark.parametrize("comment", ["", " ", "\n\t ", "\u00a0\u2003", "\u200b", "\u200b \ufeff"])
async def test_a_comment_without_a_word_is_refused(api: Api, town: Town, comment: str) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    found = await refused(api, await town.token(), patron, comment=comment)
    assert (found["__typename"], found["code"], found["field"]) == (
        "CommentRequired", "COMMENT_REQUIRED", "input.comment",
    )  # fmt: skip


async def test_the_comment_cannot_be_left_out(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    token = await town.token()
    async with nothing_changes():
        assert await api.refused(BLOCK, {"in": {"patronId": f"pat_{patron}"}}, token) == ["BAD_VARIABLES"]
        assert await api.refused(BLOCK, asked(patron, comment=None), token) == ["BAD_VARIABLES"]


@pytest.mark.parametrize(
    ("field", "text", "most"),
    [
        ("comment", "x" * 2001, 2000),
        ("message", "x" * 501, 500),
    ],
)
async def test_a_text_that_does_not_fit_is_refused(api: Api, town: Town, field: str, text: str, most: int) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    found = await refused(api, await town.token(), patron, **{field: text})
    assert (found["code"], found["field"], why(found)) == ("INVALID_INPUT", f"input.{field}", [("TOO_LONG", most)])


async def test_texts_of_the_greatest_length_fit(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    found = await block(api, await town.token(), patron, comment="å" * 2000, message="ö" * 500)
    assert (found["block"]["comment"], found["block"]["message"]) == ("å" * 2000, "ö" * 500)


async def test_the_end_lies_in_the_future(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    token = await town.token()
    now = dt.datetime.now(dt.UTC)
    for past in (now, now - dt.timedelta(days=1), dt.datetime(1, 1, 1, tzinfo=dt.UTC)):
        found = await refused(api, token, patron, expiresAt=past.isoformat())
        assert (found["code"], found["field"], why(found)) == ("INVALID_INPUT", "input.expiresAt", [("IN_PAST", None)])
    # A moment without an offset could be two moments.
    async with nothing_changes():
        answer = await api.post(BLOCK, asked(patron, expiresAt="2999-01-01T12:00:00"), token)
        assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_VARIABLES"


async def test_a_block_ends_by_itself(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    token = await town.token()
    found = await block(api, token, patron, expiresAt=LATER)
    assert found["patron"]["blocked"]
    await db.rows("UPDATE block SET expires_at = now() - interval '1 second' WHERE lifted_at IS NULL RETURNING id")
    data = await api.data(
        "query($id: ID!) { patron(by: {id: $id}) { blocked blockReasons { code }"
        " now: blocks(first: 5) { totalCount } all: blocks(first: 5, includeEnded: true) { totalCount } } }",
        {"id": f"pat_{patron}"},
        token,
    )
    # With the lifted one that every patron of the town has.
    assert data["patron"] == {
        "blocked": False, "blockReasons": [], "now": {"totalCount": 0}, "all": {"totalCount": 2},
    }  # fmt: skip


async def test_another_librarys_patron_is_as_unknown_as_one_that_never_was(
    api: Api, town: Town, other_town: Town
) -> None:
    [theirs] = await other_town.patrons(1, status="ACTIVE")
    token = await town.token()
    foreign, unknown = await refused(api, token, theirs), await refused(api, token, 999_999)
    assert foreign == unknown
    assert foreign["code"] == "NOT_FOUND"


async def test_a_block_is_one_librarys(api: Api, town: Town, other_town: Town) -> None:
    [here], [there] = await town.patrons(1, status="ACTIVE"), await other_town.patrons(1, status="ACTIVE")
    person = await db.value("INSERT INTO person DEFAULT VALUES RETURNING id")
    await db.rows("UPDATE patron SET person_id = $1 RETURNING id", person)
    await block(api, await town.token(), here)
    query = "query($id: ID!) { patron(by: {id: $id}) { blocked } }"
    found = await api.data(query, {"id": f"pat_{there}"}, await other_town.token())
    assert found == {"patron": {"blocked": False}}


async def test_without_the_permission_nothing_happens(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    others = await town.token(*(frozenset(Permission) - {Permission.PATRONS_BLOCK}))
    async with nothing_changes():
        assert await api.refused(BLOCK, asked(patron), others) == ["FORBIDDEN"]
        assert await api.refused(BLOCK, asked(patron)) == ["UNAUTHENTICATED"]


async def test_what_is_not_a_patrons_id_is_refused(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    token = await town.token()
    async with nothing_changes():
        for wrong in (f"block_{patron}", f"{patron}", "pat_0", ""):
            answer = await api.post(BLOCK, {"in": {"patronId": wrong, "comment": "x"}}, token)
            [error] = answer.json()["errors"]
            assert (answer.json()["data"], error["extensions"]["code"]) == (None, "BAD_ARGUMENT")


async def test_sent_twice_with_a_key_it_is_placed_once(api: Api, town: Town) -> None:
    [patron, other] = await town.patrons(2, status="ACTIVE")
    token = await town.token()
    first = await block(api, token, patron, idempotencyKey="k1", expiresAt=LATER)
    async with nothing_changes():
        assert await block(api, token, patron, idempotencyKey="k1", expiresAt=LATER) == first
    for changed in ({"comment": "Another"}, {"message": "Hello"}, {"expiresAt": None}):
        found = await refused(api, token, patron, **{"expiresAt": LATER, **changed, "idempotencyKey": "k1"})
        assert found["code"] == "IDEMPOTENCY_MISMATCH"
    found = await refused(api, token, other, idempotencyKey="k1", expiresAt=LATER)
    assert found["code"] == "IDEMPOTENCY_MISMATCH"
    second = await block(api, token, patron, idempotencyKey="k2", expiresAt=LATER)
    assert second["block"]["id"] != first["block"]["id"]


async def test_a_key_whose_patron_was_erased_since_finds_nothing(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    token = await town.token()
    await block(api, token, patron, idempotencyKey="k1")
    for table in ("block", "card", "address", "patron_pin"):
        await db.rows(f"DELETE FROM {table} WHERE patron_id = $1 RETURNING patron_id", patron)
    await db.rows("DELETE FROM patron WHERE id = $1 RETURNING id", patron)
    found = await refused(api, token, patron, idempotencyKey="k1")
    assert found["code"] == "NOT_FOUND"


async def test_the_same_request_twice_at_once_places_one_block(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    token = await town.token()
    found = await asyncio.gather(*(block(api, token, patron, idempotencyKey="k1") for _ in range(5)))
    assert len({each["block"]["id"] for each in found}) == 1
    assert await db.value("SELECT count(*) FROM block WHERE comment = 'Broke a lamp'") == 1
    assert await db.value("SELECT count(*) FROM audit_event WHERE action = 'patron.block'") == 1


async def test_two_staff_who_block_at_once_place_two_blocks(api: Api, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    token = await town.token()
    await asyncio.gather(*(block(api, token, patron, comment=f"by {n}") for n in range(5)))
    assert await db.value("SELECT count(*) FROM block WHERE comment LIKE 'by %'") == 5
