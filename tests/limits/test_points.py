"""Points: what an actor's operations may cost in a minute, shared by all APIs, told in headers and errors."""

import re
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from tests.clients import MODERN, Api
from tests.limits.conftest import Door, Start
from tests.town import Town, nothing_changes, wait_until

from patrongraph.settings import Settings

# A bucket of 60 fills by one a second. PAGE costs 261 when it is new, needs a full bucket and leaves it in debt: for
# the next minute nothing is to be had, however slow the machine is.
POINTS = 60
PAGE = "{ patrons(first: 200) { edges { node { id } } } }"
LITTLE = "{ __typename }"
POLICY = '"points";q=60;w=60;patrongraph-unit="points"'


def retry_after(answer: httpx.Response) -> int:
    seconds = int(answer.headers["retry-after"])
    assert answer.headers["ratelimit"] == f'"points";r=0;t={seconds}'
    assert answer.headers["ratelimit-policy"] == POLICY
    assert 30 < seconds <= 122
    return seconds


def check(error: dict[str, Any], points: int = 10) -> None:
    told = error["extensions"]
    assert told == {
        "code": "RATE_LIMITED", "requested": points, "left": 0, "limit": POINTS, "retryAfter": told["retryAfter"]
    }  # fmt: skip
    assert f"costs {points} points, and 0 of 60 a minute are left" in error["message"]
    assert f"try again in {told['retryAfter']} s" in error["message"]


@pytest.fixture
async def api(start: Start, town: Town) -> Api:
    return Api(start(points_per_minute=POINTS, anonymous_points_per_minute=POINTS).url, await town.token())


async def empty(api: Api) -> None:
    assert (await api.post(PAGE)).json()["data"] == {"patrons": {"edges": []}}


async def test_headers_say_what_is_left(api: Api) -> None:
    answer = await api.post(LITTLE)
    assert answer.headers["ratelimit-policy"] == POLICY
    left = re.fullmatch(r'"points";r=(\d+);t=60', answer.headers["ratelimit"])
    assert left is not None
    assert int(left[1]) < 60
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("accept", [MODERN, "application/json"])
async def test_an_empty_bucket_is_429_over_http(api: Api, accept: str) -> None:
    await empty(api)
    answer = await api.post(LITTLE, headers={"accept": accept})
    assert answer.status_code == 429
    assert answer.headers["content-type"].startswith(accept)
    seconds = retry_after(answer)
    [error] = answer.json()["errors"]
    assert list(answer.json()) == ["errors"]
    assert error["extensions"]["retryAfter"] == seconds
    check(error)
    async with api.client() as client:
        by_get = await client.get("/graphql", params={"query": LITTLE}, headers=api.headers())
    assert by_get.status_code == 429


async def test_it_is_an_error_through_every_door(api: Api, door: Door) -> None:
    await empty(api)
    envelope = await door(api, LITTLE)
    [error] = envelope["errors"]
    check(error)


async def test_over_events_the_headers_say_it_too(api: Api) -> None:
    await empty(api)
    headers = api.headers() | {"accept": "text/event-stream"}
    async with api.client() as client:
        answer = await client.post("/graphql/stream", json={"query": LITTLE}, headers=headers)
    assert answer.status_code == 200
    retry_after(answer)
    assert [line.partition(":")[2].strip() for line in answer.text.splitlines() if line.startswith("event:")] == [
        "next", "complete"
    ]  # fmt: skip


async def test_nothing_is_done_without_points(api: Api, door: Door, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    mutation = f'mutation {{ deactivatePatrons(input: {{patronIds: ["pat_{patron}"]}}) {{ __typename }} }}'
    assert "data" in (await api.post(PAGE)).json()
    async with nothing_changes():
        check((await door(api, mutation))["errors"][0])


async def test_all_or_none(start: Start, town: Town, valkey: Redis) -> None:
    """What costs more than is left takes nothing, and less than is left still goes."""
    api = Api(start(points_per_minute=6_000).url, await town.token())
    page = "{ " + " ".join(f"a{n}: patrons(first: 1000) {{ edges {{ node {{ id }} }} }}" for n in range(5)) + " }"
    assert (await api.post(page)).json()["extensions"]["cost"]["requested"] == 5005
    left = 6000 - 50 - 5015

    async def is_told() -> bool:
        """Whether the others know what was spent; then the process knows what is left, too, and need not guess."""
        kept = [await valkey.hget(key, "left") for key in await valkey.keys("*:points:*")]
        return any(60 < float(each) < 5015 for each in kept if each is not None)  # of 60: the tests before this one

    await wait_until(is_told)
    await api.post(page)  # by the time of its answer what the others know has arrived
    for _ in range(6):
        [error] = (await api.post(page)).json()["errors"]
        told = error["extensions"]
        assert (told["code"], told["requested"], told["limit"]) == ("RATE_LIMITED", 5015, 6000)
        assert left <= told["left"] < 5015
        assert 0 < told["retryAfter"] <= 41
        left = told["left"]
    assert "data" in (await api.post(LITTLE)).json()


async def test_a_text_is_not_even_parsed(api: Api, door: Door) -> None:
    await empty(api)
    [error] = (await door(api, "{ this is no"))["errors"]
    check(error)


async def test_what_is_refused_costs_points_too(api: Api, door: Door) -> None:
    """Sixty, as a new text that runs, so the second one is one too many; the first is answered for what it is."""
    codes = [(await door(api, "{ this is no"))["errors"][0]["extensions"]["code"] for _ in range(2)]
    assert codes == ["GRAPHQL_PARSE_FAILED", "RATE_LIMITED"]


async def test_each_actor_has_a_bucket(api: Api, town: Town) -> None:
    await empty(api)
    assert (await api.post(LITTLE)).status_code == 429
    assert (await api.post(LITTLE, token=await town.token())).status_code == 200
    headers = {"accept": MODERN, "x-forwarded-for": "192.0.2.1"}
    async with api.client() as client:
        nobody = await client.post("/graphql", json={"query": LITTLE}, headers=headers)
    assert nobody.status_code == 200


async def test_the_anonymous_are_told_apart_by_address(api: Api) -> None:
    """The API believes a proxy on loopback. An IPv6 subscriber has a /64, so that is one."""
    api.token = None
    first, neighbour = "198.51.100.7", "198.51.100.8"
    same, other = "2001:db8:1:2::1", "2001:db8:1:3::1"

    async def ask(address: str, query: str) -> int:
        return (await api.post(query, headers={"x-forwarded-for": address})).status_code

    for address in (first, same):
        assert await ask(address, "{ a }") == 400
        assert await ask(address, "{ b }") == 429
    assert await ask("2001:db8:1:2:ffff::9", "{ b }") == 429
    assert await ask("::ffff:198.51.100.7", "{ b }") == 429
    assert [await ask(neighbour, "{ b }"), await ask(other, "{ b }")] == [400, 400]


async def test_two_apis_count_together(start: Start, town: Town, valkey: "Redis", settings: Settings) -> None:
    one = Api(start(points_per_minute=POINTS, anonymous_points_per_minute=POINTS).url, await town.token())
    two = Api(start(points_per_minute=POINTS, pool_size=2).url, one.token)
    await empty(one)

    async def told() -> bool:
        keys = [key async for key in valkey.scan_iter(f"{settings.redis_prefix}:points:TOKEN:*")]
        return bool(keys) and float(await valkey.hget(keys[0], "left") or 60) < 0  # type: ignore[misc]

    await wait_until(told)
    answer = await two.post(LITTLE)
    assert answer.status_code == 429
    retry_after(answer)


async def test_valkey_keeps_buckets_for_as_long_as_they_are_not_full(
    api: Api, valkey: "Redis", settings: Settings
) -> None:
    await empty(api)
    await api.post(LITTLE)
    api.token = None
    await api.post(LITTLE, headers={"x-forwarded-for": "203.0.113.99"})

    async def keys() -> list[bytes]:
        found = [key async for key in valkey.scan_iter(f"{settings.redis_prefix}:points:*")]
        return found if len(found) == 2 else []

    found = await wait_until(keys)
    for key in found:
        assert 0 < await valkey.pttl(key) <= 120_000
        assert set(await valkey.hkeys(key)) == {b"left", b"at"}  # type: ignore[misc]
        assert b"203.0" not in key


async def test_without_valkey_each_api_counts_alone(start: Start, town: Town) -> None:
    away = {"points_per_minute": POINTS, "redis_url": "redis://127.0.0.1:1/0"}
    one = Api(start(**away).url, await town.token())
    two = Api(start(**away, pool_size=2).url, one.token)
    await empty(one)
    assert (await one.post(LITTLE)).status_code == 429
    assert (await two.post(LITTLE)).status_code == 200


async def test_nought_is_no_limit(start: Start, town: Town) -> None:
    api = Api(start(points_per_minute=0, anonymous_points_per_minute=0).url, await town.token())
    for _ in range(3):
        answer = await api.post(PAGE)
        assert "data" in answer.json()
        assert not {"ratelimit", "ratelimit-policy", "retry-after"} & set(answer.headers)


async def test_statistics_as_a_file_cost_points_too(api: Api) -> None:
    await empty(api)
    async with api.client() as client:
        answer = await client.get(
            "/statistics/loans.csv?from=2026-01-01&to=2026-02-01&by=MONTH", headers=api.headers(accept="*/*")
        )
    assert answer.status_code == 429
    assert answer.json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    retry_after(answer)
