"""`patrongraph purge` and `patrongraph jobs`: preview, refusal, a purge followed to its end, and its numbers."""

import asyncio

import orjson

from patrongraph import db


async def test_purge_from_the_command_line(town, start_worker, run_cli) -> None:
    ids = await town.patrons(20, loans=2)
    await town.open_loan(ids[0])

    async def cli(*words: str):
        return await asyncio.to_thread(run_cli, *words)

    preview = await cli("purge", "north", "--filter", "--dry-run", "--json")
    shown = orjson.loads(preview.stdout)
    assert shown == {
        "matched": 20, "purgeable": 19, "obstacles": {"OPEN_LOANS": 1}, "graceDays": 0,
        "confirmationToken": shown["confirmationToken"], "confirmUntil": shown["confirmUntil"],
    }  # fmt: skip
    confirmed = ("--confirmation-token", shown["confirmationToken"])
    for said, why in (
        (("--confirm-count", "19", *confirmed), "confirm exactly 20"),
        (("--confirm-count", "20"), "The confirmation is missing, or was not made for you"),
        (("--confirm-count", "20", *confirmed, "--search", "first"), "was not made for you, this filter and exactly"),
    ):
        refused = await cli("purge", "north", "--filter", *said)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert why in refused.stderr
    assert await db.value("SELECT count(*) FROM job") == 0
    start_worker()
    done = await cli("purge", "north", "--filter", "--confirm-count", "20", *confirmed, "--json")
    assert done.returncode == 0, done.stderr
    answer = orjson.loads(done.stdout)
    assert (answer["state"], answer["done"], answer["skipped"]) == ("COMPLETED_WITH_ISSUES", 19, 1)
    assert answer["codes"] == {"OPEN_LOANS": 1}
    assert await town.remaining() == ids[:1]
    listed = await cli("jobs", "list", "north")
    assert listed.stdout == (
        f"job {answer['id']} PURGE COMPLETED_WITH_ISSUES: 19 done, 1 skipped of 20 (OPEN_LOANS 1)\n"
    )
    watched = await cli("jobs", "watch", str(answer["id"]), "--json")
    assert orjson.loads(watched.stdout) == answer
    cancelled = await cli("jobs", "cancel", str(answer["id"]))
    assert cancelled.returncode == 1
    assert "COMPLETED_WITH_ISSUES cannot be cancelled" in cancelled.stderr
    by_id = await cli("purge", "north", "--ids", f"pat_{ids[0]}")
    assert (by_id.returncode, by_id.stdout) == (1, "")
    assert "1 of the patrons has outstanding loans and cannot be tagged" in by_id.stderr
    unknown = await cli("purge", "nowhere", "--filter", "--dry-run")
    assert (unknown.returncode, (await cli("jobs", "show", "999")).returncode) == (1, 1)


async def test_jobs_pause_and_resume(town, run_cli) -> None:
    ids = await town.patrons(2)
    done = await asyncio.to_thread(
        run_cli, "purge", "NORTH", "--ids", ",".join(f"pat_{i}" for i in ids), "--no-wait", "--json"
    )
    job = orjson.loads(done.stdout)
    paused = await asyncio.to_thread(run_cli, "jobs", "pause", str(job["id"]), "--json")
    assert orjson.loads(paused.stdout)["state"] == "PAUSED"
    resumed = await asyncio.to_thread(run_cli, "jobs", "resume", str(job["id"]), "--json")
    assert orjson.loads(resumed.stdout)["state"] == "QUEUED"
    assert await town.remaining() == ids
