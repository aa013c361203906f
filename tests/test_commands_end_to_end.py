"""An operator's day at the command line, with a worker running, and what it says to mistakes."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.clients import Api
from tests.town import Town, make_town, nothing_changes

from patrongraph import db
from patrongraph.settings import Settings

Cli = Callable[..., Awaitable["subprocess.CompletedProcess[str]"]]
FILES = {
    "branches": ["library,code,name", "NORTH,NORTH,North Public Library", "NORTH,MAIN,Main"],
    "patrons": [
        "library,external_id,barcode,username,first_name,last_name,branch,category,enabled,group,group_lead",
        "NORTH,1,b1,ada,Ada,Åberg,MAIN,Adult,FALSE,g,TRUE",
        "NORTH,2,b2,bo,Bo,Berg,MAIN,Adult,FALSE,g,FALSE",
        "NORTH,3,b3,cy,Cy,Celsius,MAIN,Adult,FALSE,,FALSE",
        "NORTH,4,b4,di,Di,Dahl,MAIN,Child,TRUE,,FALSE",
    ],
    "items": ["library,branch,barcode,title", "NORTH,MAIN,i1,One", "NORTH,MAIN,i2,Two"],
    "loans": [
        "library,patron_barcode,item_barcode,checked_out_at,due_at,returned_at",
        "NORTH,b1,i1,2026-01-01 10:00:00+00,2026-02-01,2026-01-05 10:00:00+00",
        "NORTH,b2,i2,2026-01-01 10:00:00+00,2026-02-01,",
    ],
}


def write(folder: Path, **changed: list[str]) -> Path:
    folder.mkdir()
    for name, lines in (FILES | changed).items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def cli(run_cli: Callable[..., Any]) -> Cli:
    async def run(*words: str, **given: str) -> "subprocess.CompletedProcess[str]":
        done: subprocess.CompletedProcess[str] = await asyncio.to_thread(run_cli, *words, **given)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture
def answer(cli: Cli) -> Callable[..., Awaitable[Any]]:
    """Run a command that must succeed, and read its JSON; nothing else is on its standard output."""

    async def run(*words: str, **given: str) -> Any:
        done = await cli(*words, "--json", **given)
        assert done.returncode == 0, done.stderr
        return orjson.loads(done.stdout)

    return run


@pytest.mark.usefixtures("worker_process")
async def test_a_day(api: Api, cli: Cli, answer: Any, tmp_path: Path) -> None:
    # In the morning the other system's snapshot.
    folder = write(tmp_path / "snapshot")
    report = await answer("import", str(folder), "--dry-run")
    assert (report["dryRun"], report["accepted"], await db.value("SELECT count(*) FROM patron")) == (True, 10, 0)
    report = await answer("import", str(folder))
    assert {file["file"]: file["inserted"] for file in report["files"]} == {
        "branches.csv": 2, "patrons.csv": 4, "items.csv": 2, "loans.csv": 2,
    }  # fmt: skip
    north = await db.value("SELECT id FROM library WHERE code = 'NORTH'")
    keys = {row["external_id"]: row["id"] for row in await db.rows("SELECT external_id, id FROM patron")}

    # A colleague and a program, who can act at once.
    colleague, program = await asyncio.gather(
        answer("staff", "add", "north", "anna", "--permission", "PATRONS_VIEW", "--generate"),
        answer("token", "create", "NORTH", "reports", "--permission", "PATRONS_VIEW", "--expires-days", "30"),
    )
    sign_in = 'mutation($p: String!) { signIn(input: {username: "anna", password: $p}) { __typename } }'
    assert await api.data(sign_in, {"p": colleague["password"]}) == {"signIn": {"__typename": "SignInSuccess"}}
    who = '{ patrons(first: 1, search: "aberg") { totalCount edges { node { id } } } }'
    assert await api.data(who, token=program["token"]) == {
        "patrons": {"totalCount": 1, "edges": [{"node": {"id": f"pat_{keys['1']}"}}]}
    }
    staff, tokens = await asyncio.gather(answer("staff", "list"), answer("token", "list", "--library", "NORTH"))
    assert [(user["username"], user["library"], user["active"]) for user in staff] == [("anna", "NORTH", True)]
    assert [(token["name"], token["state"]) for token in tokens] == [("reports", "ACTIVE")]
    assert program["token"] not in orjson.dumps(tokens).decode()

    # One patron asks for their data.
    file = tmp_path / "ada.json"
    done = await answer("export", "NORTH", "--patron", "b1", "--output", str(file))
    assert (done["patrons"], done["bytes"], file.stat().st_mode & 0o777) == (1, file.stat().st_size, 0o600)
    assert orjson.loads(file.read_bytes())["identity"]["lastName"] == "Åberg"

    # Old accounts are purged: first how many, then exactly that many.
    adults = ("purge", "NORTH", "--filter", "--category", "Adult", "--branch", "MAIN")
    preview = await answer(*adults, "--dry-run")
    token = preview.pop("confirmationToken")
    assert preview.pop("confirmUntil") > "2026"
    assert preview == {"matched": 3, "purgeable": 2, "obstacles": {"OPEN_LOANS": 1}, "graceDays": 0}
    purged = await answer(*adults, "--confirm-count", "3", "--confirmation-token", token)
    assert (purged["state"], purged["done"], purged["skipped"], purged["failed"], purged["total"]) == (
        "COMPLETED_WITH_ISSUES", 2, 1, 0, 3,
    )  # fmt: skip
    assert purged["codes"] == {"OPEN_LOANS": 1}
    left = await db.rows("SELECT external_id FROM patron ORDER BY id")
    assert [row["external_id"] for row in left] == ["2", "4"]
    assert await db.value("SELECT count(*) FROM loan_statistic") == 1

    # In the evening: what ran.
    jobs = await answer("jobs", "list", "NORTH")
    assert [(job["kind"], job["state"]) for job in jobs] == [
        ("PURGE", "COMPLETED_WITH_ISSUES"), ("EXPORT_PATRON", "SUCCEEDED"),
    ]  # fmt: skip
    shown = await cli("jobs", "show", str(purged["id"]))
    assert shown.stdout == (f"job {purged['id']} PURGE COMPLETED_WITH_ISSUES: 2 done, 1 skipped of 3 (OPEN_LOANS 1)\n")
    kinds = await db.rows(
        "SELECT DISTINCT actor_kind FROM audit_event WHERE action LIKE 'purge%' AND library_id = $1", north
    )
    assert [row["actor_kind"] for row in kinds] == ["SYSTEM"]
    await asyncio.gather(cli("staff", "disable", "NORTH", "anna"), cli("token", "revoke", "NORTH", str(program["id"])))
    assert (await api.data(sign_in, {"p": colleague["password"]}))["signIn"]["__typename"] == "SignInFailed"


@pytest.mark.usefixtures("worker_process")
async def test_patrons_by_id_and_a_job_that_is_only_started(town: Town, cli: Cli, answer: Any) -> None:
    ids = await town.patrons(3)
    named = ",".join(f"pat_{key}" for key in ids[:2])
    started = await answer("purge", "NORTH", "--ids", named, "--no-wait")
    assert started["total"] == 2
    followed = await answer("jobs", "watch", str(started["id"]))
    assert (followed["state"], followed["done"]) == ("SUCCEEDED", 2)
    assert await town.remaining() == ids[2:]
    late = await cli("jobs", "cancel", str(started["id"]))
    assert (late.returncode, late.stdout) == (1, "")
    assert "A job that is SUCCEEDED cannot be cancelled." in late.stderr


NOBODY = "\udcff"  # a byte that is no UTF-8, as a shell passes it on
NO_SUCH = "there is no library with the code 'WEST'; there are: NORTH, SOUTH"
MISTAKES: list[tuple[list[str], int, str]] = [
    (["purge", "WEST", "--filter", "--dry-run"], 1, NO_SUCH),
    (["purge", NOBODY, "--filter", "--dry-run"], 1, "there is no library with the code"),
    (["purge", "NORTH"], 2, "say either --ids, or --filter"),
    (["purge", "NORTH", "--filter", "--ids", "pat_1"], 2, "say either --ids, or --filter"),
    (["purge", "NORTH", "--ids", "pat_1", "--category", "Adult"], 2, "--ids goes without options that filter"),
    (["purge", "NORTH", "--ids", "pat_1", "--inactive-since", "2020-01-01"], 2, "--ids goes without options"),
    (["purge", "NORTH", "--ids", "12"], 2, "This text is not an id; an id looks like pat_12"),
    (["purge", "NORTH", "--ids", "job_12"], 2, "should begin with pat_"),
    (["purge", "NORTH", "--ids", "pat_1,pat_4"], 1, "1 of the 2 patrons was not found in your library"),
    (["purge", "NORTH", "--ids", ",".join(f"pat_{n}" for n in range(1, 202))], 1, "201 patrons are too many"),
    (["purge", "NORTH", "--filter"], 1, "confirm exactly 3"),
    (["purge", "NORTH", "--filter", "--confirm-count", "2"], 1, "confirm exactly 3"),
    (["purge", "NORTH", "--filter", "--confirm-count", "3"], 1, "The confirmation is missing"),
    (["purge", "NORTH", "--filter", "--confirmation-token", NOBODY], 2, "text in UTF-8; nothing was purged"),
    (["purge", "NORTH", "--filter", "--category", "Nobody", "--dry-run"], 1, "No inactive patron of your"),
    (["purge", "NORTH", "--filter", "--branch", "X"], 1, "no branch with the code X; nothing was purged"),
    (["purge", "NORTH", "--filter", "--cohort", "X"], 1, "no cohort with the code X; nothing was purged"),
    (["purge", "NORTH", "--filter", "--search", NOBODY, "--dry-run"], 2, "text in UTF-8; nothing was purged"),
    (["purge", "NORTH", "--filter", "--expired-before", "soon"], 2, "does not match the format '%Y-%m-%d'"),
    (["export", "WEST", "--all", "--output", "f"], 1, NO_SUCH),
    (["export", "NORTH", "--patron", "B4", "--output", "f"], 1, "this library has no card with that barcode"),
    (["export", "NORTH", "--all", "--category", NOBODY, "--output", "f"], 1, "text without control characters"),
    (["export", "NORTH", "--all", "--output", "no/such/f"], 2, "does not exist; nothing was exported"),
    (["jobs", "list", "WEST"], 1, NO_SUCH),
    (["jobs", "show", "99"], 1, "there is no job 99"),
    (["jobs", "cancel", "0"], 2, "0 is not in the range x>=1"),
    (["staff", "add", "WEST", "ben", "--all-permissions", "--generate"], 1, NO_SUCH),
    (["staff", "add", "NORTH", "ben", "--generate"], 2, "Name at least one --permission"),
    (["staff", "add", "NORTH", "ben", "--permission", "EVERYTHING", "--generate"], 2, "is not one of"),
    (["staff", "add", "NORTH", "ben", "--all-permissions", "--password-stdin"], 1, "at least 8 characters"),
    (["staff", "disable", "NORTH", "nobody"], 1, "this library has no staff account 'nobody'"),
    (["token", "create", "NORTH", "x"], 2, "Name at least one --permission"),
    (["token", "create", "NORTH", "x", "--all-permissions", "--expires-days", "0"], 2, "0 is not in the range"),
    (["token", "revoke", "NORTH", "99"], 1, "was not found in your library"),
    (["import", "no/such/folder"], 1, "no/such/folder"),
    (["purgee"], 2, "No such command 'purgee'"),
]  # fmt: skip


# Runs the commands of its standard input one after the other: starting Python for each would take most of the time.
ONE_AFTER_THE_OTHER = """
import contextlib, io, json, sys, traceback
from patrongraph.cli import main

def run(words):
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.stdin = io.StringIO("short\\n")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(words, prog_name="patrongraph")
        except SystemExit as end:
            code = end.code
        except Exception:
            traceback.print_exc()
    return code, out.getvalue(), err.getvalue()

print(json.dumps([run(words) for words in json.load(sys.stdin)]))
"""


async def test_a_mistake_is_told_with_what_would_be_right_and_changes_nothing(
    town: Town, other_town: Town, settings: Settings, tmp_path: Path
) -> None:
    assert await town.patrons(3) == [1, 2, 3]
    assert await other_town.patrons(1) == [4]
    async with nothing_changes():
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", ONE_AFTER_THE_OTHER],
            input=json.dumps([words for words, _, _ in MISTAKES]),
            env=os.environ | settings.as_environment() | {"COLUMNS": "160"},
            cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    wrong = []
    for (words, code, said), (ended, out, err) in zip(MISTAKES, json.loads(done.stdout), strict=True):
        if (ended, out) != (code, "") or said not in " ".join(err.split()):
            wrong.append(f"{words}: {ended} {out}{err}")
    assert wrong == []
    assert list(tmp_path.iterdir()) == []


async def test_a_snapshot_with_broken_rows(cli: Cli, tmp_path: Path, database: object) -> None:
    """Good rows are applied; each bad one is named with file, line, column, and what would be right."""
    await make_town("SOUTH")
    folder = write(
        tmp_path / "snapshot",
        patrons=[
            "library,external_id,barcode,first_name,last_name,branch,enabled",
            "NORTH,1,b1,Ada,Åberg,MAIN,TRUE",
            "NORTH,2,b2,Bo,Berg,NOWHERE,TRUE",
            "NORTH,3,b3,Cy,Celsius,MAIN,perhaps",
            "NORTH,4,b1,Di,Dahl,MAIN,TRUE",
        ],
    )
    rejected = tmp_path / "rejected.csv"
    done = await cli("import", str(folder), "--json", "--rejected", str(rejected))
    assert done.returncode == 3
    report = orjson.loads(done.stdout)
    assert await db.value("SELECT array_agg(external_id) FROM patron") == ["1"]
    found = {(each["file"], each["line"]): each["column"] for each in report["rejections"]}
    assert found[("patrons.csv", 3)] == "branch"
    assert found[("patrons.csv", 4)] == "enabled"
    assert ("patrons.csv", 5) in found
    assert ("loans.csv", 3) in found  # of a patron who was not taken
    assert report["rejected"] == len(rejected.read_text().splitlines()) - 1 == 4
    empty = tmp_path / "empty"
    empty.mkdir()
    odd = tmp_path / "odd"
    odd.mkdir()
    (odd / "patrons.csv").write_text("name,number\nAda,1\n")
    async with nothing_changes():
        for wrong, said in (
            (empty, f"{empty} holds nothing to import"),
            (odd, "patrons.csv lacks the columns library, barcode"),
            (tmp_path / "none", f"{tmp_path / 'none'} does not exist"),
            (rejected, "rejected.csv"),
        ):
            done = await cli("import", str(wrong))
            assert (done.returncode, said in done.stderr) == (1, True), done.stderr
            assert done.stderr.lstrip().startswith("Error: ")
