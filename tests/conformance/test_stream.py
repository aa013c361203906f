"""graphql-sse, distinct connections mode: npm's graphql-sse client gets along with the running API."""

from tests.clients import FOLLOW, Api
from tests.conformance.conftest import Following
from tests.conformance.node import run


async def test_the_client_of_graphql_sse(api: Api, following: Following) -> None:
    job, other, token = following
    found = await run(
        "stream.mjs",
        url=api.url,
        token=token,
        operations=[
            {"query": FOLLOW, "variables": {"id": job}},
            {"query": FOLLOW, "variables": {"id": other}, "take": 1},
            {"query": "{ viewer { __typename } }"},
            {"query": "{ viewer {"},
            {"query": "{ viewer { __typename } }", "operationName": "Unknown"},
            {"query": "subscription { jobProgress(id: 7) { unknown } }"},
            {"query": "query($n: Int!) { patrons(first: $n) { totalCount } }"},
        ],
    )
    outcomes = found["outcomes"]
    [finished] = outcomes[0]["events"]
    assert (finished["data"]["jobProgress"]["id"], finished["data"]["jobProgress"]["state"]) == (job, "SUCCEEDED")
    [first] = outcomes[1]["events"]
    assert (first["data"]["jobProgress"]["id"], first["data"]["jobProgress"]["state"]) == (other, "RUNNING")
    viewer = {
        "data": {"viewer": {"__typename": "TokenViewer"}},
        "extensions": {"cost": {"requested": 1, "limit": 50_000}},
    }
    assert outcomes[2] == {"events": [viewer]}
    # What is wrong with an operation comes as an event, for EventSource shows no other answer.
    told = [event for outcome in outcomes[3:] for event in outcome["events"]]
    assert [list(event) for event in told] == [["errors"]] * 4
    assert [event["errors"][0]["extensions"]["code"] for event in told] == [
        "GRAPHQL_PARSE_FAILED",
        "OPERATION_RESOLUTION_FAILED",
        "GRAPHQL_VALIDATION_FAILED",
        "BAD_VARIABLES",
    ]


async def test_the_client_hears_that_it_is_not_let_in(api: Api, following: Following) -> None:
    operations = [{"query": "{ viewer { __typename } }"}]
    found = await run("stream.mjs", url=api.url, token="Bearer pg_nonsense", operations=operations)
    assert found["outcomes"] == [{"events": [], "status": 401}]
