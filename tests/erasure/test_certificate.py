"""The certificate of a job and of one patron, over GraphQL: whom it counts, who may see it, and when it is at rest."""

from typing import Any

from tests.clients import Api
from tests.town import Town

from patrongraph import db
from patrongraph.erasure import actions, deletion
from patrongraph.jobs.chunks import MOST_RETRIES
from patrongraph.permissions import Permission

JOB = """
query($id: ID!, $first: Int = 2, $after: String) { job(id: $id) { certificate {
  jobId library { code } patronCount statistics state atRestAt firstErasedAt lastErasedAt rows { table rows }
  patrons(first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor }
    edges { node { patronId erasedAt state atRestAt job { id } rows { table rows } } }
  }
} } }
"""
PATRON = """
query($id: ID!) { erasureCertificate(patronId: $id) {
  patronId erasedAt state atRestAt job { id } rows { table rows }
} }
"""
OF_ONE = [("address", 1), ("block", 1), ("card", 1), ("ledger_entry", 2), ("loan", 3), ("patron", 1), ("patron_pin", 1)]


def listed(rows: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(row["table"], row["rows"]) for row in rows]


async def purge(town: Town, work: Any, ids: list[int]) -> int:
    started = await actions.start(town.system, patron_ids=ids)
    assert isinstance(started, actions.PurgeStarted)
    assert (await work(town.id, started.job_id)).finished
    return started.job_id


async def delete(town: Town, patron: int) -> None:
    seen = await deletion.delete(town.system, patron)
    assert isinstance(seen, deletion.DeletionPreview)
    done = await deletion.delete(town.system, patron, confirmation_token=seen.confirmation_token)
    assert isinstance(done, deletion.Deleted)


async def certificate(api: Api, token: str, job: int, **more: Any) -> Any:
    return (await api.data(JOB, {"id": f"job_{job}"} | more, token))["job"]["certificate"]


async def test_a_job_is_certified_over_all_of_its_chunks(api: Api, town: Town, work: Any) -> None:
    ids = await town.patrons(12, loans=3)
    protected = await town.patrons(1)
    await db.rows("UPDATE patron SET protected = true WHERE id = $1", protected[0])
    job = await purge(town, work, ids + protected)
    assert await db.value("SELECT count(*) FROM audit_event WHERE action = 'purge.chunk'") > 1
    token = await town.token(Permission.PATRONS_VIEW, Permission.AUDIT_VIEW)

    found = await certificate(api, token, job)
    assert (found["jobId"], found["library"]["code"], found["patronCount"]) == (f"job_{job}", "NORTH", 12)
    assert (found["statistics"], found["state"], found["atRestAt"]) == (36, "LIVE_ERASED", None)
    assert listed(found["rows"]) == [(table, 12 * n) for table, n in OF_ONE]
    first, last = await db.row("SELECT min(erased_at), max(erased_at) FROM tombstone") or (None, None)
    assert first < last
    seen = [found[name].rstrip("0") for name in ("firstErasedAt", "lastErasedAt")]
    assert [moment[:23] for moment in seen] == [str(moment).replace(" ", "T")[:23] for moment in (first, last)]
    assert found["patrons"]["totalCount"] == 12

    patrons, after = [], None
    while True:
        page = (await certificate(api, token, job, first=5, after=after))["patrons"]
        patrons += [edge["node"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert [node["patronId"] for node in patrons] == [f"pat_{patron}" for patron in ids]
    assert all(listed(node["rows"]) == OF_ONE and node["job"]["id"] == f"job_{job}" for node in patrons)


async def test_it_is_at_rest_once_every_patron_is(api: Api, town: Town, work: Any) -> None:
    ids = await town.patrons(3)
    job = await purge(town, work, ids)
    token = await town.token()
    at_rest = "UPDATE tombstone SET state = 'AT_REST_ERASED', at_rest_at = $2 WHERE patron_id = ANY($1) RETURNING id"
    moments = await db.row(
        "SELECT '2027-01-02 03:04:05+00'::timestamptz AS a, '2027-01-03 03:04:05+00'::timestamptz AS b"
    )
    assert moments is not None
    await db.rows(at_rest, ids[:2], moments["b"])
    found = await certificate(api, token, job)
    assert (found["state"], found["atRestAt"]) == ("LIVE_ERASED", None)
    states = [edge["node"]["state"] for edge in (await certificate(api, token, job, first=9))["patrons"]["edges"]]
    assert states == ["AT_REST_ERASED", "AT_REST_ERASED", "LIVE_ERASED"]
    await db.rows(at_rest, ids[2:], moments["a"])
    found = await certificate(api, token, job)
    assert (found["state"], found["atRestAt"]) == ("AT_REST_ERASED", "2027-01-03T03:04:05+00:00")
    one = (await api.data(PATRON, {"id": f"pat_{ids[2]}"}, token))["erasureCertificate"]
    assert (one["state"], one["atRestAt"]) == ("AT_REST_ERASED", "2027-01-02T03:04:05+00:00")


async def test_a_deletion_of_one_patron_is_certified_without_a_job(api: Api, town: Town) -> None:
    gone, there = await town.patrons(2, loans=3)
    await delete(town, gone)
    token = await town.token(Permission.AUDIT_VIEW)
    found = (await api.data(PATRON, {"id": f"pat_{gone}"}, token))["erasureCertificate"]
    assert (found["patronId"], found["state"], found["job"]) == (f"pat_{gone}", "LIVE_ERASED", None)
    assert listed(found["rows"]) == OF_ONE
    assert await api.data(PATRON, {"id": f"pat_{there}"}, token) == {"erasureCertificate": None}
    assert await db.value("SELECT count(*) FROM job_erasure") == 0


async def test_the_job_that_ends_the_days_of_grace_has_the_certificate(api: Api, town: Town, work: Any) -> None:
    await town.policy(grace_days=7)
    ids = await town.patrons(2)
    waiting = await purge(town, work, ids)
    await db.rows("UPDATE patron SET purge_after = now() - interval '1 second' RETURNING id")
    [job] = await actions.start_due()
    assert (await work(town.id, job)).done == 2
    token = await town.token()
    assert await certificate(api, token, waiting) is None
    assert (await certificate(api, token, job))["patronCount"] == 2


async def test_an_export_has_none_nor_a_purge_that_erased_nobody(api: Api, town: Town, work: Any) -> None:
    [patron] = await town.patrons(1)
    await db.rows("UPDATE patron SET protected = true RETURNING id")
    job = await purge(town, work, [patron])
    assert await certificate(api, await town.token(), job) is None


async def test_another_library_sees_nothing(api: Api, town: Town, other_town: Town, work: Any) -> None:
    ids = await town.patrons(2)
    job = await purge(town, work, ids)
    token = await other_town.token()
    assert await api.data(JOB, {"id": f"job_{job}"}, token) == {"job": None}
    assert await api.data(PATRON, {"id": f"pat_{ids[0]}"}, token) == {"erasureCertificate": None}


async def test_it_takes_the_permission_to_see_the_trail(api: Api, town: Town, work: Any) -> None:
    ids = await town.patrons(1)
    job = await purge(town, work, ids)
    token = await town.token(Permission.PATRONS_VIEW, Permission.PATRONS_PURGE, Permission.PATRONS_DELETE)
    assert await api.refused(JOB, {"id": f"job_{job}"}, token) == ["FORBIDDEN"]
    assert await api.refused(PATRON, {"id": f"pat_{ids[0]}"}, token) == ["FORBIDDEN"]


async def test_a_chunk_that_is_rolled_back_adds_nothing(api: Api, town: Town, work: Any) -> None:
    """A patron whose deletion fails in its first transactions is counted once, as are those erased beside it."""
    ids = await town.patrons(6)
    await db.rows("CREATE SEQUENCE test_failures")
    await db.rows(
        "CREATE FUNCTION test_fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF OLD.id = {ids[3]} AND nextval('test_failures') <= {MOST_RETRIES // 2}"
        " THEN RAISE EXCEPTION 'not now'; END IF; RETURN OLD; END $$"
    )
    await db.rows("CREATE TRIGGER test_fail AFTER DELETE ON patron FOR EACH ROW EXECUTE FUNCTION test_fail()")
    try:
        job = await purge(town, work, ids)
    finally:
        await db.rows("DROP TRIGGER test_fail ON patron")
        await db.rows("DROP FUNCTION test_fail")
        await db.rows("DROP SEQUENCE test_failures")
    found = await certificate(api, await town.token(), job)
    gone = 6 - len(await town.remaining())
    assert (found["patronCount"], found["patrons"]["totalCount"]) == (gone, gone)
    assert dict(listed(found["rows"]))["patron"] == gone >= 5
