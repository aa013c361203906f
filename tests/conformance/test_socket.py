"""graphql-transport-ws: npm's graphql-ws client gets along with the running API."""

from tests.clients import FOLLOW, Api
from tests.conformance.conftest import Following
from tests.conformance.node import run
from tests.town import Town


async def test_the_client_of_graphql_ws(api: Api, following: Following) -> None:
    job, other, token = following
    found = await run(
        "socket.mjs",
        url=api.url,
        token=token,
        operations=[
            {"query": FOLLOW, "variables": {"id": job}},
            {"query": FOLLOW, "variables": {"id": other}, "take": 1},
            {"query": "{ viewer { __typename } }"},
            {"query": "{ viewer {"},
            {"query": "{ viewer { __typename } }", "operationName": "Unknown"},
            {"query": "subscription { jobProgress(id: 7) { unknown } }"},
            {"query": "mutation A { purgePatrons { __typename } }"},
            {"query": "query($n: Int!) { patrons(first: $n) { totalCount } }"},
            {"query": "{ viewer { __typename } }"},
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
    codes = [(one["events"], one["errors"][0]["extensions"]["code"]) for one in outcomes[3:8]]
    assert codes == [
        ([], "GRAPHQL_PARSE_FAILED"),
        ([], "OPERATION_RESOLUTION_FAILED"),
        ([], "GRAPHQL_VALIDATION_FAILED"),
        ([], "GRAPHQL_VALIDATION_FAILED"),
        ([], "BAD_VARIABLES"),
    ]
    assert outcomes[8] == outcomes[2]
    # All of that on one socket, which the client closed.
    assert (found["opened"], found["closed"]["code"]) == (1, 1000)


async def test_the_client_hears_why_it_is_not_let_in(api: Api, town: Town) -> None:
    found = await run("socket.mjs", url=api.url, token="Bearer pg_nonsense", operations=[{"query": "{ viewer }"}])
    [outcome] = found["outcomes"]
    assert outcome["closed"]["code"] == 4403
    assert outcome["closed"]["reason"].startswith("Forbidden: The API token is malformed")
