"""The operator's commands, as processes of their own."""

import asyncio
import subprocess
from collections.abc import Callable
from types import ModuleType
from typing import Any

import orjson

from patrongraph.permissions import ALL_PERMISSIONS, Permission
from patrongraph.staff import actions, identify

from .conftest import PASSWORD, Town

RunCli = Callable[..., "subprocess.CompletedProcess[str]"]
COUNTS = """
SELECT (SELECT count(*) FROM staff_user), (SELECT count(*) FROM api_token), (SELECT count(*) FROM audit_event)
"""


async def _run(run_cli: RunCli, *args: str, stdin: str = "") -> tuple[int, str, str]:
    done = await asyncio.to_thread(run_cli, *args, stdin=stdin)
    return done.returncode, done.stdout, done.stderr


async def _json(run_cli: RunCli, *args: str, stdin: str = "") -> Any:
    code, out, err = await _run(run_cli, *args, "--json", stdin=stdin)
    assert code == 0, err
    return orjson.loads(out)


async def test_adds_staff_who_can_sign_in(north: Town, run_cli: RunCli) -> None:
    made = await _json(
        run_cli, "staff", "add", "north", "ben", "--permission", "PATRONS_VIEW",
        "--permission", "patrons_edit", "--display-name", "Ben Åkesson", "--password-stdin",
        stdin="four small otters\n",
    )  # fmt: skip
    assert made == {"id": 2, "library": "north", "username": "ben"}
    session = await actions.sign_in("ben", "four small otters", "NORTH")
    actor = await identify.identify(session_token=session, authorization=None)
    assert actor.permissions == frozenset({Permission.PATRONS_VIEW, Permission.PATRONS_EDIT})

    made = await _json(run_cli, "staff", "add", "NORTH", "cleo", "--all-permissions", "--generate")
    session = await actions.sign_in("cleo", made["password"], "NORTH")
    actor = await identify.identify(session_token=session, authorization=None)
    assert actor.permissions == ALL_PERMISSIONS

    accounts = await _json(run_cli, "staff", "list", "--library", "NORTH")
    assert [(a["username"], a["display_name"], a["roles"]) for a in accounts] == [
        ("anna", "anna", ["All permissions"]), ("ben", "Ben Åkesson", ["Permissions of ben"]),
        ("cleo", "cleo", ["All permissions"]),
    ]  # fmt: skip
    _, table, _ = await _run(run_cli, "staff", "list")
    assert "Ben Åkesson" in table
    assert "argon2" not in table


async def test_makes_lists_and_revokes_tokens(database: ModuleType, north: Town, run_cli: RunCli) -> None:
    code, plain, note = await _run(run_cli, "token", "create", "NORTH", "reports", "--permission", "REPORTS_VIEW")
    assert (code, plain[:3]) == (0, "pg_")
    assert plain.strip() not in note
    actor = await identify.identify(session_token=None, authorization=f"Bearer {plain.strip()}")
    assert (actor.library_id, actor.permissions) == (north.library_id, frozenset({Permission.REPORTS_VIEW}))
    assert await database.value("SELECT expires_at - created_at BETWEEN '364 days' AND '366 days' FROM api_token")

    made = await _json(run_cli, "token", "create", "NORTH", "all", "--all-permissions", "--expires-days", "1")
    assert sorted(made) == ["expires_at", "id", "library", "token"]
    listed = await _json(run_cli, "token", "list")
    assert [(t["name"], t["state"]) for t in listed] == [("reports", "ACTIVE"), ("all", "ACTIVE")]
    assert made["token"] not in str(listed)

    assert (await _run(run_cli, "token", "revoke", "NORTH", "1"))[:2] == (0, "Revoked token 1.\n")
    assert (await _run(run_cli, "token", "revoke", "NORTH", "1"))[:2] == (0, "Token 1 was revoked before.\n")
    _, table, _ = await _run(run_cli, "token", "list", "--library", "NORTH")
    assert "revoked" in table


async def test_sets_passwords_and_disables(north: Town, run_cli: RunCli) -> None:
    code, out, _ = await _run(
        run_cli, "staff", "password", "NORTH", "anna", "--password-stdin", stdin="four small otters\n"
    )
    assert (code, out) == (0, "Set the password of anna of NORTH.\n")
    assert await actions.sign_in("anna", "four small otters", "NORTH")
    assert (await _run(run_cli, "staff", "disable", "NORTH", "anna"))[1] == "anna of NORTH is disabled now.\n"
    assert (await _run(run_cli, "staff", "disable", "NORTH", "anna"))[1] == "It was disabled already.\n"
    assert (await _run(run_cli, "staff", "enable", "NORTH", "anna"))[1] == "anna of NORTH is enabled now.\n"


async def test_what_is_wrong_is_said_and_changes_nothing(database: ModuleType, north: Town, run_cli: RunCli) -> None:
    before = tuple(await database.row(COUNTS))
    for args, stdin, message in (
        (("staff", "add", "NOWHERE", "ben", "--all-permissions", "--generate"), "", "there are: NORTH"),
        (("staff", "add", "NORTH", "anna", "--all-permissions", "--generate"), "", "already has a user"),
        (("staff", "add", "NORTH", "ben", "--all-permissions", "--password-stdin"), "password1\n", "guessed"),
        (("staff", "add", "NORTH", "ben", "--all-permissions", "--password-stdin"), "", "at least 8"),
        (("staff", "add", "NORTH", "ben", "--generate"), "", "at least one --permission"),
        (("staff", "add", "NORTH", "ben", "--permission", "FLY", "--generate"), "", "FLY"),
        (("staff", "add", "NORTH", "b", "--all-permissions", "--generate", "--password-stdin"), "", "excl"),
        (("staff", "disable", "NORTH", "nobody"), "", "no staff account"),
        (("token", "create", "NORTH", "reports"), "", "at least one --permission"),
        (("token", "create", "NORTH", " ", "--all-permissions"), "", "printable"),
        (("token", "revoke", "NORTH", "9"), "", "not found"),
        (("token", "revoke", "NORTH", "99999999999999999999"), "", "not in the range"),
    ):  # fmt: skip
        code, out, err = await _run(run_cli, *args, stdin=stdin)
        assert code != 0, args
        assert out == ""
        assert message in err, args
        assert "Traceback" not in err
    assert tuple(await database.row(COUNTS)) == before
    assert await actions.sign_in("anna", PASSWORD, "NORTH")
