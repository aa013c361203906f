"""What an API and a worker tell Prometheus, at the addresses that Prometheus asks."""

import socket
from pathlib import Path

from tests.clients import FOLLOW, Api
from tests.fixtures_api import working
from tests.observability.conftest import Told, serving
from tests.torture.crashes import purge_inactive
from tests.town import Town, wait_until

from patrongraph.settings import Settings

CANCEL = "mutation($id: ID!) { cancelJob(input: {id: $id}) { __typename } }"
Measured = tuple[Api, Told]
SIGN_IN = 'mutation Enter { signIn(input: {username: "nobody", password: "none"}) { __typename } }'


async def test_the_operations_that_ran_are_counted_by_name(measured: Measured, town: Town) -> None:
    api, told = measured
    api.token = await town.token()
    for _ in range(3):
        await api.data("query Desk { library { code } }")
    await api.data("{ library { code } }")
    await api.data("query Desk { __typename }")

    assert await told.of("patrongraph_operation_seconds_count", operation="Desk", type="query") == 4
    assert await told.of("patrongraph_operation_seconds_count", operation="unnamed", type="query") == 1
    assert await told.of("patrongraph_operation_seconds_bucket", operation="Desk", type="query", le="+Inf") == 4
    # Three documents were new, and two requests found theirs prepared.
    assert await told.of("patrongraph_plan_cache_total", outcome="miss") == 3
    assert await told.of("patrongraph_plan_cache_total", outcome="hit") == 2
    assert await told.of("patrongraph_plans") == 3
    assert await told.of("patrongraph_statements_compiled_total") == 2


async def test_refusals_and_wrong_passwords_are_counted_by_their_codes(measured: Measured, town: Town) -> None:
    api, told = measured
    await api.post("query Mine { library { code } }")
    await api.post("query Mine { nothing }")
    await api.post("{")
    async with api.client() as client:
        await client.post("/graphql", content=b"{", headers={"content-type": "application/json"})
    for _ in range(2):
        await api.data(SIGN_IN)

    codes = {labels["code"] for labels in await told.all_of("patrongraph_refused_total")}
    assert codes == {"UNAUTHENTICATED", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED", "BAD_REQUEST"}
    assert await told.of("patrongraph_refused_total", code="UNAUTHENTICATED") == 1
    assert await told.of("patrongraph_problems_total", mutation="signIn", code="SIGN_IN_FAILED") == 2
    # Neither what was refused nor what the anonymous call their operations makes a name.
    assert await told.all_of("patrongraph_operation_seconds_count") == [{"operation": "other", "type": "mutation"}]


async def test_no_client_can_make_the_names_many(measured: Measured, town: Town) -> None:
    api, told = measured
    for number in range(20):
        await api.data(f"query Stranger{number} {{ __typename }}")
    token = await town.token()
    for number in range(110):
        await api.data(f"query Name{number} {{ __typename }}", token=token)
    await api.data(f"query {'N' * 65} {{ __typename }}", token=token)

    names = {labels["operation"] for labels in await told.all_of("patrongraph_operation_seconds_count")}
    assert names == {f"Name{number}" for number in range(100)} | {"other"}
    assert await told.of("patrongraph_operation_seconds_count", operation="other", type="query") == 20 + 10 + 1


async def test_open_subscriptions_are_counted_and_forgotten(measured: Measured, town: Town) -> None:
    api, told = measured
    api.token = await town.token()
    await town.patrons(3)
    job = await purge_inactive(town.system, 3)
    assert await told.of("patrongraph_subscriptions") == 0
    async with api.socket() as first, api.socket() as second:
        for open_socket in (first, second):
            await anext(open_socket.events(FOLLOW, {"id": f"job_{job}"}))
        assert (await told.of("patrongraph_subscriptions"), await told.of("patrongraph_feeds")) == (2, 1)
    await wait_until(lambda: _is(told, "patrongraph_subscriptions", 0))
    assert await told.of("patrongraph_feeds") == 0


async def _is(told: Told, name: str, value: float, **labels: str) -> bool:
    return await told.of(name, **labels) == value


async def test_the_queue_its_lag_and_the_pools_are_looked_up(measured: Measured, town: Town, database) -> None:
    api, told = measured
    assert await told.of("patrongraph_job_lag_seconds") == 0
    await town.patrons(3)
    job = await purge_inactive(town.system, 3)
    await database.rows("UPDATE job SET created_at = now() - interval '90 seconds' WHERE id = $1 RETURNING id", job)
    lag = await told.of("patrongraph_job_lag_seconds")
    assert lag is not None
    assert 90 <= lag < 150
    assert await told.of("patrongraph_jobs", kind="PURGE", state="QUEUED") == 1
    # One that was begun before and waits again is not late.
    await database.rows("UPDATE job SET started_at = now() WHERE id = $1 RETURNING id", job)
    assert await told.of("patrongraph_job_lag_seconds") == 0
    assert (await told.of("patrongraph_workers"), await told.of("patrongraph_database_up")) == (0, 1)
    assert await told.of("patrongraph_pool_connections", pool="read", state="allowed") == 16
    await api.data(CANCEL, {"id": f"job_{job}"}, await town.token())  # the first write opens that pool
    assert await told.of("patrongraph_pool_connections", pool="write", state="allowed") == 8
    assert await told.of("patrongraph_jobs_ended_total", kind="PURGE", state="CANCELLED") == 1
    assert await told.all_of("patrongraph_jobs") == []


async def test_a_worker_tells_of_its_jobs_and_chunks(
    settings: Settings, database, town: Town, tmp_path: Path, measured: Measured
) -> None:
    await town.patrons(10, loans=2)
    log = tmp_path / "worker.log"
    with working(settings.model_copy(update={"worker_metrics_listen": "127.0.0.1:0"}), log):
        job = await purge_inactive(town.system, 10)
        await wait_until(lambda: database.value("SELECT finished_at FROM job WHERE id = $1", job))
        worker = Told(log)
        await wait_until(lambda: _is(worker, "patrongraph_jobs_ended_total", 1, kind="PURGE", state="SUCCEEDED"))
        assert await worker.of("patrongraph_jobs_taken_total", kind="PURGE") == 1
        assert await worker.of("patrongraph_job_items_total", kind="PURGE") == 10
        assert (await worker.of("patrongraph_chunk_seconds_count", kind="PURGE") or 0) >= 2
        health = await worker.get("/healthz")
        assert (health.status_code, health.json()) == (200, {"status": "ok"})
        assert (await worker.get("/anything")).status_code == 404
        # The API counts its own process only: it has ended no job.
        _, told = measured
        assert await told.all_of("patrongraph_jobs_ended_total") == []
        assert await told.of("patrongraph_workers") == 1


async def test_the_metrics_are_not_at_the_public_address(measured: Measured) -> None:
    api, told = measured
    async with api.client() as client:
        assert (await client.get("/metrics")).status_code == 404
    assert (await told.get("/metrics")).headers["content-type"].startswith("text/plain")


async def test_an_address_that_is_taken_keeps_nobody_from_work(settings: Settings, database, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with serving(settings, tmp_path / "log", PATRONGRAPH_METRICS_LISTEN=address) as api:
            assert await api.data("{ __typename }") == {"__typename": "Query"}
    assert f"metrics are not told: the address {address} is not to be had" in (tmp_path / "log").read_text()
