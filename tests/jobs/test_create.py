"""One key, one job: the same request gives the same job, another request with that key is refused."""

import asyncio

import pytest

from patrongraph import db
from patrongraph.jobs import actions
from patrongraph.jobs.models import JobKind
from patrongraph.problems import Refused


async def create(actor, key: str | None, body: str | None = "a" * 64) -> actions.Created:
    async with db.transaction():
        return await actions.create(
            actor, JobKind.PURGE, {"n": 1}, itemised=False, total=7, idempotency_key=key, body_hash=body
        )


async def test_a_job_is_written_as_asked(actor) -> None:
    made = await create(actor, None)
    row = await db.row("SELECT * FROM job WHERE id = $1", made.id)
    assert (row["kind"], row["state"], row["params"], row["total"], row["version"]) == (
        "PURGE", "QUEUED", '{"n": 1}', 7, 1,
    )  # fmt: skip
    assert not made.replayed


async def test_the_same_key_and_body_give_the_same_job(actor) -> None:
    first = await create(actor, "k")
    assert await create(actor, "k") == actions.Created(first.id, True)
    assert (await create(actor, "other")).id != first.id


async def test_another_body_is_refused(actor) -> None:
    await create(actor, "k")
    with pytest.raises(Refused) as refused:
        await create(actor, "k", "b" * 64)
    assert refused.value.problem.code == "IDEMPOTENCY_MISMATCH"
    assert await db.value("SELECT count(*) FROM job") == 1


async def test_a_key_is_the_librarys_own(actor, stranger) -> None:
    first = await create(actor, "k")
    assert not (await create(stranger, "k", "b" * 64)).replayed
    assert (await create(actor, "k")).id == first.id


async def test_two_at_once_make_one_job(actor) -> None:
    made = await asyncio.gather(*[create(actor, "k") for _ in range(5)])
    assert len({job.id for job in made}) == 1
    assert sorted(job.replayed for job in made) == [False, True, True, True, True]
