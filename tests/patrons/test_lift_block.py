"""liftBlock through the API: one block, once, with a reason; the rest of what blocks the patron stands."""

import asyncio
from typing import Any

import pytest
from tests.clients import Api, why
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.patrons import blocks
from patrongraph.permissions import Permission

LIFT = """mutation($in: LiftBlockInput!) { found: liftBlock(input: $in) {
  __typename
  ... on BlockSuccess {
    block { id comment message active liftReason liftedBy { displayName } }
    patron { id blocked blockReasons { code block { id } amountToClear } }
  }
  ... on Problem { code message }
  ... on CommentRequired { field }
  ... on InvalidInput { field fields { reason limit } }
  ... on AlreadyLifted { liftedAt }
  ... on BlockExpired { expiredAt }
} }"""


def asked(block: int | str, **more: Any) -> dict[str, Any]:
    return {"in": {"blockId": block if isinstance(block, str) else f"block_{block}", "reason": "Paid the lamp", **more}}


async def lift(api: Api, token: str, block: int, **more: Any) -> Any:
    return (await api.data(LIFT, asked(block, **more), token))["found"]


async def refused(api: Api, token: str, block: int, **more: Any) -> Any:
    async with nothing_changes():
        return await lift(api, token, block, **more)


async def placed(town: Town, count: int = 1) -> tuple[int, list[int]]:
    """A patron and the ids of as many blocks."""
    [patron] = await town.patrons(1, status="ACTIVE")
    return patron, [(await blocks.place(town.system, patron, f"reason {n}")).block_id for n in range(count)]


async def test_lifting_one_leaves_the_others(api: Api, town: Town) -> None:
    patron, (first, second, third) = await placed(town, 3)
    token = await town.token(Permission.PATRONS_BLOCK)
    found = await lift(api, token, second, reason=" Paid the lamp ")
    assert found == {
        "__typename": "BlockSuccess",
        "block": {
            "id": f"block_{second}",
            "comment": "reason 1",
            "message": None,
            "active": False,
            "liftReason": "Paid the lamp",
            "liftedBy": None,
        },
        "patron": {
            "id": f"pat_{patron}",
            "blocked": True,
            "blockReasons": [
                {"code": "MANUAL", "block": {"id": f"block_{each}"}, "amountToClear": None} for each in (first, third)
            ],
        },
    }
    event = await db.row("SELECT subject_kind, subject_id, detail FROM audit_event WHERE action = 'patron.unblock'")
    assert event is not None
    assert tuple(event) == ("patron", patron, f'{{"block": {second}}}')

    await lift(api, token, first)
    assert (await lift(api, token, third))["patron"] == {"id": f"pat_{patron}", "blocked": False, "blockReasons": []}


async def test_what_was_lifted_is_kept_and_says_by_whom(api: Api, town: Town) -> None:
    patron, [block] = await placed(town)
    anna = await town.staff(Permission.PATRONS_BLOCK)
    await blocks.lift(anna, block, "Paid the lamp")
    data = await api.data(
        "query($id: ID!) { patron(by: {id: $id}) { blocks(first: 5, includeEnded: true) {"
        " edges { node { id comment active liftReason liftedBy { displayName } } } } } }",
        {"id": f"pat_{patron}"},
        await town.token(),
    )
    nodes = [edge["node"] for edge in data["patron"]["blocks"]["edges"]]
    assert nodes[0] == {
        "id": f"block_{block}", "comment": "reason 0", "active": False, "liftReason": "Paid the lamp",
        "liftedBy": {"displayName": "Anna"},
    }  # fmt: skip
    row = await db.row("SELECT lifted_by_id, lifted_at IS NOT NULL AS lifted FROM block WHERE id = $1", block)
    assert row is not None
    assert tuple(row) == (anna.id, True)


async def test_lifting_twice_is_told_clearly(api: Api, town: Town) -> None:
    _, [block] = await placed(town)
    token = await town.token()
    await lift(api, token, block)
    found = await refused(api, token, block)
    when = await db.value("SELECT lifted_at FROM block WHERE id = $1", block)
    assert (found["__typename"], found["code"], found["liftedAt"]) == (
        "AlreadyLifted", "ALREADY_LIFTED", when.isoformat(),
    )  # fmt: skip


async def test_an_expired_block_cannot_be_lifted(api: Api, town: Town) -> None:
    _, [block] = await placed(town)
    await db.rows("UPDATE block SET expires_at = '2026-01-31 12:00+00' WHERE id = $1 RETURNING id", block)
    found = await refused(api, await town.token(), block)
    assert (found["__typename"], found["code"], found["expiredAt"]) == (
        "BlockExpired", "BLOCK_EXPIRED", "2026-01-31T12:00:00+00:00",
    )  # fmt: skip


async def test_one_that_would_end_by_itself_can_be_lifted_before(api: Api, town: Town) -> None:
    _, [block] = await placed(town)
    await db.rows("UPDATE block SET expires_at = now() + interval '1 day' WHERE id = $1 RETURNING id", block)
    assert (await lift(api, await town.token(), block))["block"]["active"] is False


@pytest.mark.parametrize("reason", ["", "  ", "\n", "\u200b"])
async def test_a_reason_without_a_word_is_refused(api: Api, town: Town, reason: str) -> None:
    _, [block] = await placed(town)
    found = await refused(api, await town.token(), block, reason=reason)
    assert (found["code"], found["field"]) == ("COMMENT_REQUIRED", "input.reason")


async def test_a_reason_that_does_not_fit_is_refused(api: Api, town: Town) -> None:
    _, [block] = await placed(town)
    token = await town.token()
    found = await refused(api, token, block, reason="x" * 2001)
    assert (found["code"], found["field"], why(found)) == ("INVALID_INPUT", "input.reason", [("TOO_LONG", 2000)])
    async with nothing_changes():
        assert await api.refused(LIFT, {"in": {"blockId": f"block_{block}"}}, token) == ["BAD_VARIABLES"]


async def test_the_block_for_debts_is_not_lifted_by_hand(api: Api, town: Town) -> None:
    """It has no id; whatever is tried in its place is told so, and paying is what ends it."""
    patron, [block] = await placed(town)
    await town.policy(block_level=5)
    debt = await town.charge(patron, "7.50")
    token = await town.token()
    async with nothing_changes():
        for wrong in (f"debt_{debt}", f"pat_{patron}", "DEBT", str(block), "", "block_0"):
            answer = await api.post(LIFT, asked(wrong), token)
            [error] = answer.json()["errors"]
            assert (answer.json()["data"], error["extensions"]["code"]) == (None, "BAD_ARGUMENT")
            assert "block_" in error["message"]
            assert "The block for debts" in error["message"]
    found = await lift(api, token, block)
    assert found["patron"]["blockReasons"] == [{"code": "DEBT", "block": None, "amountToClear": "2.51"}]


async def test_another_librarys_block_is_as_unknown_as_one_that_never_was(
    api: Api, town: Town, other_town: Town
) -> None:
    _, [theirs] = await placed(other_town)
    token = await town.token()
    foreign, unknown = await refused(api, token, theirs), await refused(api, token, 999_999)
    assert foreign == unknown
    assert foreign["code"] == "NOT_FOUND"


async def test_without_the_permission_nothing_happens(api: Api, town: Town) -> None:
    _, [block] = await placed(town)
    others = await town.token(*(frozenset(Permission) - {Permission.PATRONS_BLOCK}))
    async with nothing_changes():
        assert await api.refused(LIFT, asked(block), others) == ["FORBIDDEN"]
        assert await api.refused(LIFT, asked(block)) == ["UNAUTHENTICATED"]


async def test_sent_twice_with_a_key_it_is_lifted_once(api: Api, town: Town) -> None:
    _, [block, other] = await placed(town, 2)
    token = await town.token()
    first = await lift(api, token, block, idempotencyKey="k1")
    async with nothing_changes():
        assert await lift(api, token, block, idempotencyKey="k1") == first
    assert (await refused(api, token, block, idempotencyKey="k2"))["code"] == "ALREADY_LIFTED"
    assert (await refused(api, token, other, idempotencyKey="k1"))["code"] == "IDEMPOTENCY_MISMATCH"


async def test_of_two_staff_who_lift_at_once_one_is_told(api: Api, town: Town) -> None:
    _, [block] = await placed(town)
    token = await town.token()
    found = await asyncio.gather(*(lift(api, token, block, reason=f"by {n}") for n in range(5)))
    assert sorted(each["__typename"] for each in found) == ["AlreadyLifted"] * 4 + ["BlockSuccess"]
    [done] = [each for each in found if each["__typename"] == "BlockSuccess"]
    reason = await db.value("SELECT lift_reason FROM block WHERE id = $1", block)
    assert reason == done["block"]["liftReason"]
    assert await db.value("SELECT count(*) FROM audit_event WHERE action = 'patron.unblock'") == 1
