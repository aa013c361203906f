"""What managers of the staff do through the API: accounts, roles and tokens, and how far they may go."""

from typing import Any

import pytest
from tests.clients import Api, why
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.permissions import ALL_PERMISSIONS, Permission
from patrongraph.problems import Refused
from patrongraph.staff import actions, management

P = Permission
PASSWORD = "eleven slow otters"
ACCOUNT = "staffUser { id username displayName active roles { name } }"
ANSWERS = {
    "createStaffUser": f"... on StaffUserSuccess {{ changed {ACCOUNT} }}",
    "updateStaffUser": f"... on StaffUserSuccess {{ changed {ACCOUNT} }}",
    "setStaffActive": f"... on StaffUserSuccess {{ changed {ACCOUNT} }}",
    "setStaffPassword": f"... on StaffUserSuccess {{ changed {ACCOUNT} }}",
    "createRole": "... on RoleSuccess { changed role { id name permissions } }",
    "updateRole": "... on RoleSuccess { changed role { id name permissions } }",
    "createApiToken": "... on CreateApiTokenSuccess { token apiToken { id name permissions state expiresAt } }",
    "revokeApiToken": "... on RevokeApiTokenSuccess { changed apiToken { id state } }",
}
PROBLEM = "... on Problem { code message }"
FIELDS = "... on InvalidInput { fields { field message reason limit } }"


async def ask(api: Api, token: str, name: str, /, **given: Any) -> Any:
    kind = f"{name[0].upper()}{name[1:]}Input"
    wanted = f"__typename {ANSWERS[name]} {PROBLEM} {'' if name == 'revokeApiToken' else FIELDS}"
    text = f"mutation($input: {kind}!) {{ found: {name}(input: $input) {{ {wanted} }} }}"
    return (await api.data(text, {"input": given}, token))["found"]


async def refused(
    api: Api, token: str, name: str, /, reason: str = "", limit: int | None = None, **given: Any
) -> tuple[str, str]:
    """The field and what is wrong with it, for exactly this reason; not-found has no field and no reason."""
    async with nothing_changes():
        no = await ask(api, token, name, **given)
    assert why(no) == [(reason, limit)] if "fields" in no else not reason, no
    fields = no.get("fields") or [{"field": "", "message": no["message"]}]
    return fields[0]["field"], fields[0]["message"]


@pytest.fixture
async def boss(town: Town) -> str:
    return await town.token()


@pytest.fixture
async def deputy(town: Town) -> str:
    """A manager who may not purge."""
    return await town.token(P.STAFF_MANAGE, P.PATRONS_VIEW)


async def signs_in(password: str) -> bool:
    try:
        await actions.sign_in("bea", password, "NORTH")
    except Refused:
        return False
    return True


async def test_an_account_from_its_making_to_its_end(api: Api, town: Town, boss: str) -> None:
    desk = (await ask(api, boss, "createRole", name="Desk", permissions=["CIRCULATION_DESK", "PATRONS_VIEW"]))["role"]
    assert (desk["name"], desk["permissions"]) == ("Desk", ["PATRONS_VIEW", "CIRCULATION_DESK"])
    made = await ask(
        api, boss, "createStaffUser", username="bea", displayName="Bea", password=PASSWORD, roleIds=[desk["id"]]
    )
    bea = made["staffUser"]
    assert bea == {"id": bea["id"], "username": "bea", "displayName": "Bea", "active": True,
                   "roles": [{"name": "Desk"}]}  # fmt: skip
    assert await signs_in(PASSWORD)

    renamed = await ask(api, boss, "updateStaffUser", id=bea["id"], displayName="Beatrice", roleIds=[])
    assert (renamed["changed"], renamed["staffUser"]) == (True, bea | {"displayName": "Beatrice", "roles": []})
    assert (await ask(api, boss, "updateStaffUser", id=bea["id"], displayName="Beatrice"))["changed"] is False

    off = await ask(api, boss, "setStaffActive", id=bea["id"], active=False)
    assert (off["changed"], off["staffUser"]["active"]) == (True, False)
    assert await db.value("SELECT count(*) FROM session") == 0
    assert not await signs_in(PASSWORD)
    assert (await ask(api, boss, "setStaffActive", id=bea["id"], active=True))["staffUser"]["active"] is True

    await ask(api, boss, "setStaffPassword", id=bea["id"], password="twelve slow otters")
    assert not await signs_in(PASSWORD)
    assert await signs_in("twelve slow otters")
    done = await db.rows("SELECT action FROM audit_event WHERE action ~ '^(staff|role)' ORDER BY id")
    assert [row["action"] for row in done] == [
        "role.create", "staff.create", "staff.update", "staff.disable", "staff.enable", "staff.change_password",
        "staff.wrong_password",
    ]  # fmt: skip


async def test_a_role_changes_what_its_holders_may_do(api: Api, town: Town, boss: str) -> None:
    role = (await ask(api, boss, "createRole", name="Desk", permissions=["PATRONS_VIEW"]))["role"]["id"]
    changed = await ask(api, boss, "updateRole", id=role, name="Front desk", permissions=["PATRONS_EDIT"])
    assert (changed["changed"], changed["role"]) == (
        True, {"id": role, "name": "Front desk", "permissions": ["PATRONS_EDIT"]},
    )  # fmt: skip
    await ask(api, boss, "createRole", name="Other", permissions=["PATRONS_VIEW"])
    assert await refused(api, boss, "updateRole", "TAKEN", id=role, name="Other") == (
        "input.name", "This library already has a role of that name.",
    )  # fmt: skip
    assert await refused(api, boss, "updateRole", "REQUIRED", id=role, permissions=[]) == (
        "input.permissions", "Name at least one permission.",
    )  # fmt: skip


async def test_null_is_no_value_for_what_an_account_or_a_role_must_have(api: Api, boss: str) -> None:
    said = "This cannot be null; leave it out to keep it as it is."
    for name, fields in (("updateStaffUser", ("displayName", "roleIds")), ("updateRole", ("name", "permissions"))):
        for field in fields:
            given = {"id": "staff_1" if name == "updateStaffUser" else "role_1", field: None}
            assert await refused(api, boss, name, "REQUIRED", **given) == (f"input.{field}", said)


async def test_nobody_gives_or_takes_what_they_do_not_have(api: Api, town: Town, deputy: str) -> None:
    chief = await actions.create_staff(town.system, "chief", PASSWORD, permissions=ALL_PERMISSIONS)
    purger = await actions.create_role(town.system, "Purger", [P.PATRONS_PURGE])
    helper = await actions.create_staff(town.system, "helper", PASSWORD, permissions=[P.PATRONS_VIEW])
    no = "You cannot give permissions that you do not have: PATRONS_PURGE."
    for name, given, field in (
        ("createStaffUser", {"username": "eve", "password": PASSWORD, "roleIds": [f"role_{purger}"]}, "input.roles"),
        ("updateStaffUser", {"id": f"staff_{helper}", "roleIds": [f"role_{purger}"]}, "input.roleIds"),
        ("createRole", {"name": "Eve", "permissions": ["PATRONS_PURGE"]}, "input.permissions"),
        ("updateRole", {"id": f"role_{purger}", "permissions": ["PATRONS_VIEW"]}, "input.permissions"),
        ("createApiToken", {"name": "Eve", "permissions": ["PATRONS_PURGE"]}, "input.permissions"),
    ):
        assert await refused(api, deputy, name, "NOT_ALLOWED", **given) == (field, no), name
    given = {"id": f"staff_{chief}", "password": "my own password"}
    field, message = await refused(api, deputy, "setStaffPassword", "NOT_ALLOWED", **given)
    assert field == "input.id"
    assert message.startswith("You cannot give permissions that you do not have: AUDIT_VIEW,")
    field, _ = await refused(api, deputy, "updateStaffUser", "NOT_ALLOWED", id=f"staff_{chief}", roleIds=[])
    assert field == "input.roleIds"
    assert (await ask(api, deputy, "setStaffPassword", id=f"staff_{helper}", password="new slow otters"))["changed"]


async def test_a_library_keeps_somebody_who_can_manage_its_staff(town: Town) -> None:
    """As a member of staff: the last manager can neither drop the role nor empty it nor leave."""
    anna = await town.staff(*ALL_PERMISSIONS)
    role: int = await db.value("SELECT role_id FROM staff_role WHERE staff_user_id = $1", anna.id)
    own = anna.id
    assert own is not None
    for attempt, reason in (
        (lambda: management.update_staff(anna, own, {"role_ids": []}), "LAST_ONE"),
        (lambda: management.update_role(anna, role, {"permissions": [P.PATRONS_VIEW]}), "LAST_ONE"),
        (lambda: actions.set_active(anna, own, False), "NOT_ALLOWED"),
    ):
        async with nothing_changes():
            with pytest.raises(Refused, match=r"manage the staff|your own account") as no:
                await attempt()
        assert why(no.value.problem) == [(reason, None)]
    await actions.create_staff(town.system, "chief", PASSWORD, permissions=[P.STAFF_MANAGE])
    assert await management.update_role(anna, role, {"permissions": [P.PATRONS_VIEW]})


async def test_a_token_is_shown_once_and_ends(api: Api, town: Town, boss: str) -> None:
    made = await ask(api, boss, "createApiToken", name="Report", permissions=["REPORTS_VIEW"],
                     expiresAt="2040-01-01T00:00:00Z")  # fmt: skip
    kept = made["apiToken"]
    assert kept == {"id": kept["id"], "name": "Report", "permissions": ["REPORTS_VIEW"], "state": "ACTIVE",
                    "expiresAt": "2040-01-01T00:00:00+00:00"}  # fmt: skip
    seen = await api.data("{ viewer { ... on TokenViewer { permissions } } }", None, made["token"])
    assert seen == {"viewer": {"permissions": ["REPORTS_VIEW"]}}
    ended = await ask(api, boss, "revokeApiToken", id=kept["id"])
    assert ended == {"__typename": "RevokeApiTokenSuccess", "changed": True,
                     "apiToken": {"id": kept["id"], "state": "REVOKED"}}  # fmt: skip
    assert (await ask(api, boss, "revokeApiToken", id=kept["id"]))["changed"] is False
    assert await refused(api, boss, "createApiToken", "IN_PAST", name="Late", permissions=["REPORTS_VIEW"],
                         expiresAt="2020-01-01T00:00:00Z") == (
        "input.expiresAt", "A token must expire in the future.",
    )  # fmt: skip


async def test_what_another_library_has_is_not_found(api: Api, town: Town, other_town: Town, boss: str) -> None:
    theirs = await actions.create_staff(other_town.system, "theirs", PASSWORD, permissions=[P.PATRONS_VIEW])
    role = await actions.create_role(other_town.system, "Theirs", [P.PATRONS_VIEW])
    token, _ = await actions.create_token(other_town.system, "Theirs", [P.PATRONS_VIEW])
    own = await actions.create_staff(town.system, "own", PASSWORD, permissions=[P.PATRONS_VIEW])
    for name, given in (
        ("updateStaffUser", {"id": f"staff_{theirs}", "displayName": "Mine"}),
        ("updateStaffUser", {"id": f"staff_{own}", "roleIds": [f"role_{role}"]}),
        ("setStaffActive", {"id": f"staff_{theirs}", "active": False}),
        ("setStaffPassword", {"id": f"staff_{theirs}", "password": "twelve slow otters"}),
        ("updateRole", {"id": f"role_{role}", "name": "Mine"}),
        ("revokeApiToken", {"id": f"token_{token}"}),
    ):
        async with nothing_changes():
            no = await ask(api, boss, name, **given)
        assert no["code"] == "NOT_FOUND", name
