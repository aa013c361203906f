"""An account belongs to one library, may do what its roles allow, and gives nobody what it lacks."""

import asyncio
from types import ModuleType

import pytest
from tests.clients import why

from patrongraph.permissions import ALL_PERMISSIONS, Permission
from patrongraph.problems import InvalidInput, ProblemCode, Refused
from patrongraph.staff import actions, identify, queries

from .conftest import PASSWORD, SignedIn, Town

COUNTS = """
SELECT (SELECT count(*) FROM staff_user), (SELECT count(*) FROM role), (SELECT count(*) FROM staff_role),
       (SELECT count(*) FROM audit_event)
"""
VIEW, EDIT, PURGE = Permission.PATRONS_VIEW, Permission.PATRONS_EDIT, Permission.PATRONS_PURGE


async def test_permissions_are_the_union_of_the_roles(database: ModuleType, north: Town, signed_in: SignedIn) -> None:
    readers = await actions.create_role(north.operator, "Readers", [VIEW])
    writers = await actions.create_role(north.operator, "Writers", [VIEW, EDIT])
    ben = await actions.create_staff(
        north.operator,
        "ben",
        PASSWORD,
        display_name="Ben Åkesson",
        role_ids=[readers, writers],
        permissions=[PURGE],
    )
    actor = await signed_in(north, "ben")
    assert (actor.id, actor.permissions) == (ben, frozenset({VIEW, EDIT, PURGE}))
    account = dict((await queries.staff(north.library_id))[1])
    assert account["roles"] == ["Permissions of ben", "Readers", "Writers"]
    assert (account["username"], account["display_name"], account["active"]) == ("ben", "Ben Åkesson", True)
    assert "password_hash" not in account
    assert await database.value("SELECT password_hash LIKE '$argon2id$%' FROM staff_user WHERE id = $1", ben)
    assert (
        await database.value("SELECT detail FROM audit_event WHERE action = 'staff.create' AND subject_id = $1", ben)
        == '{"roles": 3}'
    )


async def test_equal_permissions_share_a_role(database: ModuleType, north: Town) -> None:
    for name in ("ben", "cleo"):
        await actions.create_staff(north.operator, name, PASSWORD, permissions=[EDIT, VIEW])
    await actions.create_staff(north.operator, "dan", PASSWORD, permissions=ALL_PERMISSIONS)
    found = await database.rows("SELECT name, permissions FROM role ORDER BY id")
    assert [(role["name"], len(role["permissions"])) for role in found] == [
        (actions.ALL_PERMISSIONS_ROLE, len(ALL_PERMISSIONS)), ("Permissions of ben", 2),
    ]  # fmt: skip
    assert await database.value("SELECT count(*) FROM audit_event WHERE action = 'role.create'") == 2


async def test_the_role_of_everything_grows_with_the_permissions(database: ModuleType, north: Town) -> None:
    await database.rows("UPDATE role SET permissions = '{PATRONS_VIEW}'")
    await actions.create_staff(north.operator, "ben", PASSWORD, permissions=ALL_PERMISSIONS)
    assert set((await database.row("SELECT permissions FROM role"))["permissions"]) == set(ALL_PERMISSIONS)


async def test_a_username_is_unique_in_its_library_in_any_case(database: ModuleType, north: Town, south: Town) -> None:
    before = tuple(await database.row(COUNTS))
    with pytest.raises(Refused, match="already has a user") as refused:
        await actions.create_staff(north.operator, "ANNA", PASSWORD, permissions=[VIEW])
    assert isinstance(refused.value.problem, InvalidInput)
    assert refused.value.problem.field == "input.username"
    assert why(refused.value.problem) == [("TAKEN", None)]
    assert tuple(await database.row(COUNTS)) == before


async def test_of_two_at_once_one_is_refused(database: ModuleType, north: Town) -> None:
    outcomes = await asyncio.gather(
        *(actions.create_staff(north.operator, name, PASSWORD) for name in ("ben", "BEN")),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Refused", "int"]
    assert await database.value("SELECT count(*) FROM staff_user") == 2


@pytest.mark.parametrize("username", ["", "  ", "x" * 101, "a\x00b", "a\ud800", "a\u200bb"])
async def test_a_malformed_username_is_refused(database: ModuleType, north: Town, username: str) -> None:
    before = tuple(await database.row(COUNTS))
    with pytest.raises(Refused, match="printable characters"):
        await actions.create_staff(north.operator, username, PASSWORD)
    assert tuple(await database.row(COUNTS)) == before


async def test_another_librarys_role_is_not_found(database: ModuleType, north: Town, south: Town) -> None:
    theirs = await database.value("SELECT id FROM role WHERE library_id = $1", south.library_id)
    before = tuple(await database.row(COUNTS))
    for role_id in (theirs, 999):
        with pytest.raises(Refused) as refused:
            await actions.create_staff(north.operator, "ben", PASSWORD, role_ids=[role_id])
        assert refused.value.problem.code is ProblemCode.NOT_FOUND
    assert tuple(await database.row(COUNTS)) == before


async def test_nobody_gives_what_they_lack(database: ModuleType, north: Town, signed_in: SignedIn) -> None:
    everything = await database.value("SELECT id FROM role")
    await actions.create_staff(north.operator, "ben", PASSWORD, permissions=[VIEW, Permission.STAFF_MANAGE])
    ben = await signed_in(north, "ben")
    before = tuple(await database.row(COUNTS))
    for attempt in (
        actions.create_staff(ben, "cleo", PASSWORD, permissions=[VIEW, PURGE]),
        actions.create_staff(ben, "cleo", PASSWORD, role_ids=[everything]),
        actions.create_staff(ben, "cleo", PASSWORD, permissions=ALL_PERMISSIONS),
        actions.create_role(ben, "Purgers", [PURGE]),
        actions.create_token(ben, "purge", [PURGE]),
    ):
        with pytest.raises(Refused, match="PATRONS_PURGE"):
            await attempt
    assert tuple(await database.row(COUNTS)) == before
    assert await database.value("SELECT count(*) FROM api_token") == 0
    assert await actions.create_staff(ben, "cleo", PASSWORD, permissions=[VIEW])


async def test_roles_have_a_name_of_their_own_and_a_permission(database: ModuleType, north: Town, south: Town) -> None:
    await actions.create_role(north.operator, "Desk", [VIEW])
    await actions.create_role(south.operator, "Desk", [VIEW])
    before = tuple(await database.row(COUNTS))
    for name, permissions in (
        ("Desk", [EDIT]),
        (" Desk ", [EDIT]),
        ("", [EDIT]),
        ("x" * 101, [EDIT]),
        ("Empty", []),
    ):
        with pytest.raises(Refused):
            await actions.create_role(north.operator, name, permissions)
    assert tuple(await database.row(COUNTS)) == before


async def test_disabling_ends_sessions_at_once(
    database: ModuleType, north: Town, south: Town, signed_in: SignedIn
) -> None:
    token = await actions.sign_in("anna", PASSWORD, "NORTH")
    actor = await identify.identify(session_token=token, authorization=None)
    with pytest.raises(Refused) as refused:
        await actions.set_active(south.operator, north.anna, False)
    assert refused.value.problem.code is ProblemCode.NOT_FOUND
    assert await identify.still_valid(actor) == actor
    assert await actions.set_active(north.operator, north.anna, False) is True
    assert await actions.set_active(north.operator, north.anna, False) is False
    with pytest.raises(identify.Unauthenticated):
        await identify.identify(session_token=token, authorization=None)
    assert await identify.still_valid(actor) is None
    assert await identify.current_permissions(actor.kind, actor.id, actor.library_id) is None
    with pytest.raises(Refused):
        await actions.sign_in("anna", PASSWORD, "NORTH")
    assert await actions.set_active(north.operator, north.anna, True) is True
    assert await signed_in(north)
    actions_told = [event["action"] for event in await database.rows("SELECT action FROM audit_event ORDER BY id")]
    assert [action for action in actions_told if action.startswith("staff.")][-2:] == [
        "staff.disable",
        "staff.enable",
    ]
