"""What one operation may be: each limit with the figure and the limit in the error, through every door."""

import pytest
from tests.clients import Api
from tests.limits.conftest import Door
from tests.town import Town, nothing_changes

from patrongraph import db

LOANS = "loans(first: 200) { edges { node { id } } }"
JOB = "INSERT INTO job (library_id, kind, state, started_at) VALUES ($1, 'PURGE', 'RUNNING', now()) RETURNING id"


@pytest.fixture
async def known(api: Api, town: Town) -> Api:
    return Api(api.url, await town.token())


def doubling(steps: int, on: str = "Library") -> str:
    """Fragments that spread the next one twice: 2 ** steps times the last one."""
    spreads = [f"fragment f{n} on {on} {{ ...f{n + 1} ...f{n + 1} }}" for n in range(steps)]
    return " ".join([*spreads, f"fragment f{steps} on {on} {{ __typename }}"])


def deep(levels: int) -> str:
    turns = (levels - 2) // 2
    return '{ patron(by: {id: "pat_1"}) ' + "{ group { lead " * turns + "{ id }" + " } }" * turns + " }"


def aliased(count: int) -> str:
    return "{ " + " ".join(f"a{n}: __typename" for n in range(count)) + " }"


TOO_MUCH = [
    ("depth", deep(12), 11, 10),
    ("aliases", aliased(16), 16, 15),
    ("aliases", aliased(40), 40, 15),
    ("aliasLength", f"{{ {'a' * 64}: __typename }}", 64, 63),
    ("directives", "{ __typename @a @a @a @a @a @a }", 6, 5),
    ("directives", "query ($a: Int @a @a @a @a @a @a) { __typename }", 6, 5),
    ("directives", "query @a @a @a @a @a @a { __typename }", 6, 5),
    ("directives", "{ ...f } fragment f on Query { ... @a @a @a @a @a @a @a { __typename } }", 7, 5),
    ("directives", "{ ...f @a @a @a @a @a @a } fragment f on Query { __typename }", 6, 5),
    ("directives", "{ ...f } fragment f on Query @a @a @a @a @a @a { __typename }", 6, 5),
    ("tokens", "{ library { " + "id " * 996 + "} }", 1001, 1000),
    ("fields", "{ library { ...f0 } } " + doubling(13), 5001, 5000),
    ("fields", "{ library { ...f0 } } " + doubling(80), 5001, 5000),
    ("cost", f"{{ patrons(first: 200) {{ edges {{ node {{ a: {LOANS} b: {LOANS} }} }} }} }}", 80_601, 50_000),
]


@pytest.mark.parametrize(("what", "query", "found", "most"), TOO_MUCH)
async def test_one_more_than_is_allowed(known: Api, door: Door, what: str, query: str, found: int, most: int) -> None:
    envelope = await door(known, query)
    assert "data" not in envelope
    [error] = envelope["errors"]
    code = "COST_EXCEEDED" if what == "cost" else "LIMIT_EXCEEDED"
    assert error["extensions"] == {"code": code, "what": what, "requested": found, "limit": most}
    assert f"{found} " in error["message"]
    assert f"{most} are allowed" in error["message"]
    if what == "cost" and door.__name__ != "over_a_socket":  # an `error` message has errors only
        assert envelope["extensions"] == {"cost": {"requested": found, "limit": most}}


@pytest.mark.parametrize(
    "query",
    [
        deep(10),
        aliased(15),
        f"{{ {'a' * 63}: __typename }}",
        "{ library { ...f0 } } " + doubling(10),
        f"{{ patrons(first: 200) {{ edges {{ node {{ {LOANS} }} }} }} }}",
    ],
)
async def test_as_much_as_is_allowed(known: Api, door: Door, query: str) -> None:
    assert "errors" not in await door(known, query)


async def test_five_directives_are_not_too_many(known: Api, door: Door) -> None:
    """They are wrong for another reason: none may stand twice in one place."""
    envelope = await door(known, "{ __typename @skip(if: true) @a @a @a @a }")
    assert {error["extensions"]["code"] for error in envelope["errors"]} == {"GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(("what", "query", "found", "most"), [
    ("tokens", "{ " + "__typename " * 249 + "}", 251, 250),
    ("fields", "{ ...f0 } " + doubling(16, "Query"), 5001, 5000),
])  # fmt: skip
async def test_the_anonymous_have_fewer_tokens(
    api: Api, door: Door, what: str, query: str, found: int, most: int
) -> None:
    [error] = (await door(api, query))["errors"]
    assert error["extensions"] == {"code": "LIMIT_EXCEEDED", "what": what, "requested": found, "limit": most}
    assert "errors" not in await door(api, "{ " + "__typename " * 248 + "}")


@pytest.mark.parametrize(("query", "cost"), [
    ("{ __typename }", 0),
    ('{ patron(by: {barcode: "x"}) { id } }', 1),
    ("{ patrons(first: 10) { edges { node { id } } } }", 11),
    ("{ patrons(first: 10) { totalCount edges { node { loans(first: 5) { edges { node { id } } } } } } }", 171),
    ("{ viewer { __typename } }", 1),
    ('mutation { cancelJob(input: {id: "job_999"}) { ... on JobSuccess { job { id } } } }', 1),
])  # fmt: skip
async def test_an_answer_says_what_it_may_cost(known: Api, door: Door, query: str, cost: int) -> None:
    envelope = await door(known, query)
    assert "errors" not in envelope
    assert envelope["extensions"] == {"cost": {"requested": cost, "limit": 50_000}}


async def test_the_cost_follows_the_variables(known: Api) -> None:
    query = "query($n: Int!) { patrons(first: $n) { edges { node { id } } } }"
    for number in (1, 200):
        answer = await known.post(query, {"n": number})
        assert answer.json()["extensions"]["cost"] == {"requested": number + 1, "limit": 50_000}


async def test_each_event_says_it_too(known: Api, town: Town) -> None:
    job = await db.value(JOB, town.id)
    query = f'subscription {{ jobProgress(id: "job_{job}") {{ id items(first: 10) {{ edges {{ cursor }} }} }} }}'
    async with known.socket() as socket:
        await socket.start(query)
        over_socket = (await socket.receive())["payload"]
    events = known.events(query)
    assert over_socket == await anext(events)
    await events.aclose()  # type: ignore[attr-defined]
    assert over_socket["extensions"] == {"cost": {"requested": 2, "limit": 50_000}}


async def test_what_is_too_much_does_nothing(known: Api, door: Door, town: Town) -> None:
    [patron] = await town.patrons(1, status="ACTIVE")
    verb = f'deactivatePatrons(input: {{patronIds: ["pat_{patron}"]}}) {{ __typename }}'
    async with nothing_changes():
        [error] = (await door(known, f"mutation {{ {verb} {aliased(16)[1:-1]} }}"))["errors"]
    assert error["extensions"]["what"] == "aliases"
    assert "errors" not in await door(known, f"mutation {{ {verb} }}")


@pytest.mark.parametrize("size", [131_073, 200_000])
async def test_a_body_that_is_too_large(known: Api, size: int) -> None:
    text = '{"query":"{ __typename }"}'
    for path in ("/graphql", "/graphql/stream"):
        async with known.client() as client:
            answer = await client.post(
                path,
                content=text.ljust(size),
                headers=known.headers(**{"content-type": "application/json", "accept": "*/*"}),
            )
        [error] = answer.json()["errors"]
        assert (answer.status_code, error["extensions"]["code"]) == (413, "TOO_LARGE")
        assert f"it has {size} bytes, and 131072 are allowed" in error["message"]


async def test_a_frame_that_is_too_large_closes_the_socket(known: Api) -> None:
    async with known.socket() as socket:
        await socket.connection.send(" " * 131_073)
        code, reason = await socket.close_code()
    assert code == 1009
    assert "131072" in reason
