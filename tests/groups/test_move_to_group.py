"""moveToGroup: who moves is shown first, then moved, all or none; groups never stay empty."""

import asyncio
import random
from typing import Any

import pytest
from tests.clients import Api, why
from tests.groups.support import all_is_well, consent, events, groups, standing
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.groups import actions
from patrongraph.groups.actions import Move
from patrongraph.permissions import Permission
from patrongraph.problems import Refused

MOVE = """
mutation($input: MoveToGroupInput!) { moveToGroup(input: $input) {
  __typename
  ... on MoveToGroupSuccess { changed dissolvedCount group { id memberCount lead { id } } patrons { id group { id } } }
  ... on MoveToGroupPreview {
    changed targetGroup { id memberCount } targetMember { id displayName barcode } dissolved { id memberCount }
    patrons { id displayName barcode group { id } } moving { id }
  }
  ... on Problem { code message }
  ... on TooMany { limit }
  ... on InvalidInput { field fields { reason limit } }
} }
"""


def ids_of(*keys: int) -> list[str]:
    return [f"pat_{key}" for key in keys]


async def move(api: Api, token: str, into: dict[str, str], *, confirm: bool = True, **who: Any) -> Any:
    given = {"into": into, "confirm": confirm, **who}
    return (await api.data(MOVE, {"input": given}, token))["moveToGroup"]


async def unmoved(api: Api, token: str, into: dict[str, str], *, confirm: bool = True, **who: Any) -> Any:
    """A move that must change nothing."""
    async with nothing_changes():
        return await move(api, token, into, confirm=confirm, **who)


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.GROUPS_MANAGE)


async def test_first_who_would_move_is_shown_then_they_move(api: Api, town: Town, token: str) -> None:
    a, b, c, d = await town.patrons(4, status="ACTIVE")
    home, other = await town.group(a, b), await town.group(c)
    seen = await unmoved(api, token, {"memberBarcode": f"B{b}"}, confirm=False, patronBarcode=f"B{c}")
    assert seen == {
        "__typename": "MoveToGroupPreview",
        "changed": 1,
        "targetGroup": {"id": f"grp_{home}", "memberCount": 2},
        "targetMember": {"id": f"pat_{b}", "displayName": "First2 Last2", "barcode": f"B{b}"},
        "dissolved": [{"id": f"grp_{other}", "memberCount": 1}],
        "patrons": [
            {"id": f"pat_{c}", "displayName": "First3 Last3", "barcode": f"B{c}", "group": {"id": f"grp_{other}"}}
        ],
        "moving": [{"id": f"pat_{c}"}],
    }
    done = await move(api, token, {"memberBarcode": f"B{b}"}, patronBarcode=f"B{c}")
    assert done == {
        "__typename": "MoveToGroupSuccess",
        "changed": 1,
        "dissolvedCount": 1,
        "group": {"id": f"grp_{home}", "memberCount": 3, "lead": {"id": f"pat_{a}"}},
        "patrons": [{"id": f"pat_{c}", "group": {"id": f"grp_{home}"}}],
    }
    # The lead of the group that went arrives as an ordinary member.
    assert await groups(town.id) == {home: ([a, b, c], [a])}
    assert await events() == [
        ("group.dissolve", "group", other, "{}"),
        ("group.move", "patron", c, f'{{"group": {home}}}'),
    ]
    who = await db.rows("SELECT DISTINCT actor_kind, actor_id FROM audit_event WHERE starts_with(action, 'group.')")
    assert [tuple(row) for row in who] == [("TOKEN", await db.value("SELECT id FROM api_token"))]
    assert await db.value("SELECT group_id FROM group_membership WHERE patron_id = $1", d) is None
    assert await all_is_well()


async def test_a_patron_without_a_group_moves_in_by_any_of_their_cards(api: Api, town: Town, token: str) -> None:
    a, b = await town.patrons(2)
    group = await town.group(a)
    await db.rows(
        "INSERT INTO card (library_id, patron_id, barcode, active) VALUES ($1, $2, 'OLD', false) RETURNING id",
        town.id,
        b,
    )
    seen = await unmoved(api, token, {"groupId": f"grp_{group}"}, confirm=False, patronBarcode="OLD")
    assert (seen["changed"], seen["targetMember"], seen["dissolved"]) == (1, None, [])
    assert [(each["barcode"], each["group"]) for each in seen["patrons"]] == [(f"B{b}", None)]
    done = await move(api, token, {"groupId": f"grp_{group}"}, patronBarcode="OLD")
    assert (done["changed"], done["dissolvedCount"], done["group"]["memberCount"]) == (1, 0, 2)
    assert await groups(town.id) == {group: ([a, b], [a])}


async def test_a_member_without_a_group_gets_one_that_nobody_leads(api: Api, town: Town, token: str) -> None:
    a, b, c = await town.patrons(3)
    old = await town.group(a, b)
    into = {"memberBarcode": f"B{c}"}
    seen = await unmoved(api, token, into, confirm=False, patronIds=ids_of(a))
    assert (seen["changed"], seen["targetGroup"], seen["targetMember"]["id"], seen["dissolved"]) == (
        1,
        None,
        f"pat_{c}",
        [],
    )
    done = await move(api, token, into, patronIds=ids_of(a))
    new = old + 1
    assert done == {
        "__typename": "MoveToGroupSuccess",
        "changed": 1,
        "dissolvedCount": 0,
        "group": {"id": f"grp_{new}", "memberCount": 2, "lead": None},
        "patrons": [{"id": f"pat_{a}", "group": {"id": f"grp_{new}"}}],
    }
    # The lead has left the old group without one.
    assert await groups(town.id) == {old: ([b], []), new: ([a, c], [])}
    assert await events() == [
        ("group.lead", "group", old, '{"lead": null}'),
        ("group.move", "patron", a, f'{{"group": {new}}}'),
        ("group.move", "patron", c, f'{{"group": {new}}}'),
    ]
    again = await unmoved(api, token, into, patronIds=ids_of(a))
    assert (again["changed"], again["group"]["id"]) == (0, f"grp_{new}")


async def test_selected_members_move_together_and_those_who_are_there_stay(api: Api, town: Town, token: str) -> None:
    a, b, c, d, e = await town.patrons(5)
    first, second = await town.group(a, b), await town.group(c, d, e)
    # Asked for twice, and one who is there already; the answer keeps the order of the request.
    done = await move(api, token, {"memberBarcode": f"B{d}"}, patronIds=ids_of(b, d, a, b))
    assert (done["changed"], done["dissolvedCount"]) == (2, 1)
    assert [each["id"] for each in done["patrons"]] == ids_of(b, d, a)
    assert await groups(town.id) == {second: ([a, b, c, d, e], [c])}
    assert [event[:3] for event in await events("group.move")] == [("group.move", "patron", each) for each in (a, b)]
    assert await db.value("SELECT count(*) FROM patron_group WHERE id = $1", first) == 0


@pytest.mark.parametrize("by_barcode", [True, False])
async def test_the_same_group_is_success_and_no_change(api: Api, town: Town, token: str, by_barcode: bool) -> None:
    a, b = await town.patrons(2)
    group = await town.group(a, b)
    await consent(town.id, b, group)
    into = {"memberBarcode": f"B{a}"} if by_barcode else {"groupId": f"grp_{group}"}
    for who in ({"patronBarcode": f"B{b}"}, {"patronIds": ids_of(a, b)}, {"patronBarcode": f"B{a}"}):
        seen = await unmoved(api, token, into, confirm=False, **who)
        assert (seen["__typename"], seen["changed"], seen["moving"]) == ("MoveToGroupPreview", 0, [])
        done = await unmoved(api, token, into, **who)
        assert (done["__typename"], done["changed"], done["dissolvedCount"]) == ("MoveToGroupSuccess", 0, 0)
        assert done["group"] == {"id": f"grp_{group}", "memberCount": 2, "lead": {"id": f"pat_{a}"}}


async def test_waivers_end_with_the_membership_and_go_with_the_group(api: Api, town: Town, token: str) -> None:
    a, b, c, d = await town.patrons(4)
    old, target = await town.group(a, b, c), await town.group(d)
    for each in (b, c):
        await consent(town.id, each, old)
    await move(api, token, {"groupId": f"grp_{target}"}, patronIds=ids_of(b))
    assert await standing() == [(c, old)]
    revoked = await db.rows(
        "SELECT patron_id, revoked_at >= granted_at AS after FROM privacy_waiver WHERE revoked_at <= now()"
    )
    assert [tuple(row) for row in revoked] == [(b, True)]
    assert await events("group.waiver") == [("group.waiver.revoke", "patron", b, "{}")]
    # Back again: consent is not remembered.
    await move(api, token, {"groupId": f"grp_{old}"}, patronIds=ids_of(b))
    assert await standing() == [(c, old)]
    # With its last members the group goes, and all that was agreed to in it.
    await move(api, token, {"groupId": f"grp_{target}"}, patronIds=ids_of(a, b, c))
    assert await groups(town.id) == {target: ([a, b, c, d], [d])}
    assert await db.value("SELECT count(*) FROM privacy_waiver") == 0
    assert [event[:3] for event in await events("group.dissolve")] == [("group.dissolve", "group", old)]


async def test_what_is_another_librarys_is_as_unknown_as_what_never_was(
    api: Api, town: Town, other_town: Town, token: str
) -> None:
    a, b = await town.patrons(2)
    own = await town.group(a)
    [stranger] = await other_town.patrons(1)
    theirs = await other_town.group(stranger)
    here, there, never = {"groupId": f"grp_{own}"}, {"groupId": f"grp_{theirs}"}, {"groupId": "grp_999999"}
    member, nobody = {"memberBarcode": f"B{stranger}"}, {"memberBarcode": "B999999"}
    the_patron = "The patron was not found in your library."
    cases: list[tuple[Any, Any, Any, Any, str]] = [
        (here, {"patronBarcode": f"B{stranger}"}, here, {"patronBarcode": "B999999"}, the_patron),
        (here, {"patronIds": ids_of(stranger)}, here, {"patronIds": ids_of(999_999)}, the_patron),
        (
            here,
            {"patronIds": ids_of(b, stranger)},
            here,
            {"patronIds": ids_of(b, 999_999)},
            "1 of the 2 patrons was not found in your library.",
        ),
        (there, {"patronIds": ids_of(b)}, never, {"patronIds": ids_of(b)}, "The group was not found in your library."),
        (
            member,
            {"patronIds": ids_of(b)},
            nobody,
            {"patronIds": ids_of(b)},
            "The member of the group was not found in your library.",
        ),
        # Every reason, not the first.
        (
            member,
            {"patronBarcode": f"B{stranger}"},
            nobody,
            {"patronBarcode": ""},
            "The patron and the member of the group were not found in your library.",
        ),
        (
            there,
            {"patronIds": ids_of(stranger, 999_998)},
            never,
            {"patronIds": ids_of(999_997, 999_998)},
            "2 of the 2 patrons and the group were not found in your library.",
        ),
    ]
    for into, who, unknown_into, unknown_who, message in cases:
        for confirm in (True, False):
            foreign = await unmoved(api, token, into, confirm=confirm, **who)
            unknown = await unmoved(api, token, unknown_into, confirm=confirm, **unknown_who)
            assert foreign == unknown == {"__typename": "NotFound", "code": "NOT_FOUND", "message": message}


@pytest.mark.parametrize("confirm", [True, False])
async def test_a_request_that_is_not_right_is_refused(api: Api, town: Town, token: str, confirm: bool) -> None:
    ids = await town.patrons(202)
    group = {"groupId": f"grp_{await town.group(ids[0])}"}
    for who, field, reason in (
        ({}, "input", "REQUIRED"),
        ({"patronBarcode": f"B{ids[1]}", "patronIds": ids_of(ids[2])}, "input", "CONTRADICTION"),
        ({"patronIds": []}, "input.patronIds", "REQUIRED"),
    ):
        wrong = await unmoved(api, token, group, confirm=confirm, **who)
        assert (wrong["code"], wrong["field"], why(wrong)) == ("INVALID_INPUT", field, [(reason, None)])
    many = await unmoved(api, token, group, confirm=confirm, patronIds=ids_of(*ids[1:]))
    assert (many["code"], many["limit"]) == ("TOO_MANY", 200)
    # A group of one would link nobody.
    alone = await unmoved(api, token, {"memberBarcode": f"B{ids[1]}"}, confirm=confirm, patronBarcode=f"B{ids[1]}")
    assert (alone["code"], alone["field"], why(alone)) == ("INVALID_INPUT", "input.into", [("CONTRADICTION", None)])


async def test_two_hundred_move_at_once(api: Api, town: Town, token: str) -> None:
    ids = await town.patrons(201)
    done = await move(api, token, {"memberBarcode": f"B{ids[0]}"}, patronIds=ids_of(*ids[1:]))
    assert (done["changed"], done["group"]["memberCount"]) == (200, 201)
    assert await all_is_well()


async def test_what_cannot_be_read_is_refused_before_anything_runs(api: Api, town: Town, token: str) -> None:
    [patron] = await town.patrons(1)
    group = await town.group(patron)
    right: dict[str, Any] = {"into": {"groupId": f"grp_{group}"}, "confirm": True, "patronIds": ids_of(patron)}
    wrong: list[dict[str, Any]] = [
        {"into": {}},
        {"into": {"groupId": f"grp_{group}", "memberBarcode": "B1"}},
        {"into": {"groupId": None}},
        {"into": {"groupId": ""}},
        {"into": {"groupId": f"pat_{patron}"}},
        {"into": None},
        {"into": {"memberBarcode": "a\0b"}},
        {"patronIds": [f"grp_{group}"]},
        {"patronIds": None, "patronBarcode": "a\0b"},
        {"confirm": None},
    ]
    async with nothing_changes():
        for given in wrong:
            answer = await api.post(MOVE, {"input": right | given}, token)
            body = answer.json()
            assert body.get("data") is None, given
            codes = [error["extensions"]["code"] for error in body["errors"]]
            assert codes[0] in ("BAD_ARGUMENT", "BAD_VARIABLES", "BAD_INPUT"), (given, answer.text)


async def test_without_the_permission_nothing_happens(api: Api, town: Town) -> None:
    a, b = await town.patrons(2)
    group = await town.group(a)
    lesser = await town.token(*(frozenset(Permission) - {Permission.GROUPS_MANAGE}))
    async with nothing_changes():
        for confirm in (True, False):
            given = {"into": {"groupId": f"grp_{group}"}, "confirm": confirm, "patronIds": ids_of(b)}
            assert await api.refused(MOVE, {"input": given}, lesser) == ["FORBIDDEN"]
            assert await api.refused(MOVE, {"input": given}) == ["UNAUTHENTICATED"]


async def test_whoever_joins_a_group_meanwhile_is_moved_all_the_same(api: Api, town: Town, token: str) -> None:
    """A writer that holds no patrons puts one into another group, and commits while the move waits for it."""
    a, b, c = await town.patrons(3)
    target, other = await town.group(a), await town.group(b)
    async with db.transaction() as connection:
        # Seen by nobody yet; the move finds the patron in no group and waits for this key.
        await connection.execute(
            "INSERT INTO group_membership (library_id, group_id, patron_id, joined_at) VALUES ($1, $2, $3, now())",
            town.id, other, c,
        )  # fmt: skip
        moving = asyncio.create_task(move(api, token, {"groupId": f"grp_{target}"}, patronIds=ids_of(c)))
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        async with asyncio.timeout(30):
            while not await connection.fetchval(waiting):
                await connection.execute("SELECT pg_stat_clear_snapshot()")
                await asyncio.sleep(0.02)
    done = await moving
    assert (done["__typename"], done["changed"]) == ("MoveToGroupSuccess", 1)
    assert await groups(town.id) == {target: ([a, c], [a]), other: ([b], [b])}
    assert await all_is_well()


async def test_opposite_moves_at_once_end_in_one_consistent_state(api: Api, town: Town, token: str) -> None:
    """Everybody moves everybody, through the API: each move succeeds, and no group is ever left empty or doubled."""
    ids = await town.patrons(6)
    first, second = await town.group(*ids[:2]), await town.group(*ids[2:4])
    for turn in range(15):
        a, b, c, d, e, f = ids if turn % 2 else ids[::-1]
        answers = await asyncio.gather(
            move(api, token, {"memberBarcode": f"B{c}"}, patronIds=ids_of(a)),
            move(api, token, {"memberBarcode": f"B{a}"}, patronIds=ids_of(c)),
            move(api, token, {"memberBarcode": f"B{e}"}, patronIds=ids_of(a, f)),
            move(api, token, {"memberBarcode": f"B{f}"}, patronIds=ids_of(e, d, b)),
        )
        assert {answer["__typename"] for answer in answers} == {"MoveToGroupSuccess"}, answers
        assert await all_is_well()
        assert sorted(each for members, _ in (await groups(town.id)).values() for each in members) == ids
    assert (first, second) == (1, 2)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_moves_removals_leads_and_waivers_at_once(town: Town, seed: int) -> None:
    """Eight at a time do whatever they like to the same patrons; nothing but a business no comes back."""
    chance = random.Random(seed)  # noqa: S311 - a shuffle that can be repeated
    ids = await town.patrons(8)
    await town.group(*ids[:3])

    async def something() -> str:
        actor = town.system
        who = chance.sample(ids, chance.randint(1, 4))
        live = list(await groups(town.id)) or [1]
        kind = chance.randrange(7)
        try:
            if kind <= 2:
                await actions.move_to_group(actor, Move(patron_ids=who, member_barcode=f"B{chance.choice(ids)}"))
            elif kind == 3:
                await actions.move_to_group(actor, Move(patron_ids=who, group_id=chance.choice(live)))
            elif kind == 4:
                await actions.remove_from_group(actor, who)
            elif kind == 5:
                await actions.set_lead(actor, chance.choice(live), chance.choice([who[0], None]))
            else:
                await actions.grant_waiver(actor, who[0])
        except Refused as no:
            return no.problem.code.value
        return "DONE"

    said: set[str] = set()
    for _ in range(25):
        said |= set(await asyncio.gather(*(something() for _ in range(8))))
        assert await all_is_well()
    assert "DONE" in said
    assert said <= {"DONE", "NOT_FOUND", "NOT_IN_GROUP", "INVALID_INPUT"}
