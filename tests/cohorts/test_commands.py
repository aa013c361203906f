"""`patrongraph cohorts` and `patrongraph rollover`: a chain is made, shown, rolled over, and taken back."""

import asyncio

import orjson
from tests.cohorts.conftest import School
from tests.town import Town, nothing_changes

from patrongraph import db


async def test_a_chain_from_the_command_line(town: Town, run_cli) -> None:
    async def cli(*words: str, code: int = 0):
        done = await asyncio.to_thread(run_cli, "cohorts", *words)
        assert done.returncode == code, done.stderr
        return done

    await town.patrons(2)
    await cli("add", "north", "GRAD", "--name", "Left", "--graduated")
    added = await cli("add", "NORTH", "Y10", "--name", "Year 10", "--next", "GRAD", "--json")
    assert orjson.loads(added.stdout) == [
        {"code": "Y10", "name": "Year 10", "next": "GRAD", "graduated": False, "members": 0, "active": 0}
    ]
    await cli("change", "NORTH", "Y9", "--next", "Y10", "--name", "Nine")
    listed = await cli("list", "NORTH")
    assert listed.stdout == (
        "GRAD  Left: graduated; 0 members, 0 active\n"
        "Y10  Year 10: → GRAD; 0 members, 0 active\n"
        "Y9  Nine: → Y10; 2 members, 0 active\n"
    )
    for words, code, said in (
        (("add", "NORTH", "Y9", "--name", "x"), 1, "already a cohort with this code"),
        (("add", "NORTH", "A", "--name", "x", "--next", "B"), 1, "no cohort with the code B; nothing was changed"),
        (("change", "NORTH", "Y10", "--next", "Y9"), 1, "The chain would go round: Y10 → Y9 → Y10."),
        (("change", "NORTH", "Y10", "--next", "Y9", "--no-next"), 2, "say either --next or --no-next"),
        (("delete", "NORTH", "Y10"), 1, "it is the next one of Y9"),
        (("list", "NOWHERE"), 1, "there is no library with the code 'NOWHERE'"),
        (("add", "NORTH", "A", "--name", "\udcff"), 2, "text in UTF-8"),
    ):
        async with nothing_changes():
            refused = await cli(*words, code=code)
        assert said in refused.stderr
        assert refused.stdout == ""
    await cli("change", "NORTH", "Y9", "--no-next")
    deleted = await cli("delete", "NORTH", "Y10")
    assert deleted.stdout == "The cohort Y10 is deleted.\n"
    assert [each["code"] for each in orjson.loads((await cli("list", "NORTH", "--json")).stdout)] == ["GRAD", "Y9"]


async def test_a_year_from_the_command_line(school: School, start_worker, run_cli, year: int) -> None:
    await school.pupils(6, "Y11", "Y12")
    await school.pupils(1, "STAFF")
    before = await school.places()

    async def cli(*words: str, code: int = 0):
        done = await asyncio.to_thread(run_cli, "rollover", "north", *words)
        assert done.returncode == code, done.stderr
        return done

    dry = ("--year", str(year), "--dry-run")
    shown = orjson.loads((await cli(*dry, "--json")).stdout)
    token = shown["confirmationToken"]
    lines = {each.pop("code"): each for each in shown.pop("cohorts")}
    assert lines["Y12"] == {"to": "GRAD", "members": 3, "moving": 3, "deactivating": 3, "staying": 0}
    assert shown == {
        "year": year, "count": 6, "moving": 6, "deactivating": 3, "staying": 1, "confirmationToken": token,
        "confirmUntil": shown["confirmUntil"],
    }  # fmt: skip
    told = (await cli(*dry)).stdout.splitlines()
    assert told[:8] == [
        "GRAD: nobody", "STAFF: 1 staying", "Y10 → Y11: nobody", "Y11 → Y12: 3 moving",
        "Y12 → GRAD: 3 moving, 3 deactivating", "Y7 → Y8: nobody", "Y8 → Y9: nobody", "Y9 → Y10: nobody",
    ]  # fmt: skip
    assert told[8:13] == [f"year: {year}", "count: 6", "moving: 6", "deactivating: 3", "staying: 1"]

    quoted = ("--year", str(year), "--confirm-count", "6", "--confirmation-token", token)
    for words, code, said in (
        (("--dry-run",), 2, "say either --year or --undo"),
        (("--undo", "1", *quoted), 2, "say either --year or --undo"),
        (("--undo", "1", "--confirm-count", "6"), 2, "--undo goes without a confirmation"),
        (("--year", str(year), "--confirmation-token", token), 1, "confirm exactly 6"),
        (("--year", str(year), "--confirm-count", "6"), 1, "The confirmation is missing"),
        (("--year", "1999", "--dry-run"), 1, "1999 is not near"),
        (("--undo", "1"), 1, "The rollover was not found"),
    ):
        async with nothing_changes():
            refused = await cli(*words, code=code)
        assert said in refused.stderr
        assert refused.stdout == ""
    assert await db.value("SELECT count(*) FROM job") == 0

    start_worker()
    done = orjson.loads((await cli(*quoted, "--json")).stdout)
    assert (done["kind"], done["state"], done["done"]) == ("ROLLOVER", "SUCCEEDED", 6)
    assert sorted((await school.places()).values()) == ["GRAD"] * 3 + ["STAFF"] + ["Y12"] * 3
    again = await cli(*dry, code=1)
    assert f"{year} has been rolled over" in again.stderr

    preview = await cli("--undo", str(done["id"]), "--dry-run")
    assert preview.stdout == f"year: {year}\nmoving: 6\nreactivating: 3\nleftAlone: 0\n"
    back = await cli("--undo", str(done["id"]))
    assert back.stdout == f"job {done['id'] + 1} UNDO_ROLLOVER SUCCEEDED: 6 done of 6\n"
    assert await school.places() == before


async def test_it_can_be_started_and_left_alone(school: School, run_cli, year: int) -> None:
    await school.pupils(6)
    preview = await school.shown(year)  # the operator's own
    assert preview.confirmation is not None
    done = await asyncio.to_thread(
        run_cli, "rollover", "NORTH", "--year", str(year), "--confirm-count", "6", "--confirmation-token",
        preview.confirmation.token, "--no-wait", "--json",
    )  # fmt: skip
    job = await db.value("SELECT id FROM job")
    assert orjson.loads(done.stdout) == {"id": job, "total": 6}
    assert {state[2] for state in (await school.state()).values()} == {1}
