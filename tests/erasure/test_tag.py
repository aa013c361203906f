"""Tagging: the list to tag from, how many may be tagged, and who may not."""

from typing import Any

import pytest
from tests.clients import Api
from tests.town import Town, nothing_changes

from patrongraph import db
from patrongraph.permissions import Permission

PURGE = """
mutation($ids: [ID!]!, $dry: Boolean = false) { purgePatrons(input: {patronIds: $ids, dryRun: $dry}) {
  __typename
  ... on PurgePatronsSuccess { count }
  ... on PurgePreview { matched purgeable confirmationToken confirmUntil obstacles { code patrons } }
  ... on Problem { code message }
  ... on TooMany { limit }
  ... on OutstandingLoans { patrons { patronId openLoanCount loanIds } }
} }
"""
CANDIDATES = """
query($first: Int!, $after: String, $filter: PatronFilter, $search: String, $sort: PatronSort) {
  purgeCandidates(first: $first, after: $after, filter: $filter, search: $search, sort: $sort) {
    totalCount pageInfo { endCursor hasNextPage }
    edges { node { patron { id } openLoanCount taggable purgeable obstacles { code } } }
  }
}
"""


async def purge(api: Api, token: str, *ids: int, dry: bool = False) -> Any:
    variables = {"ids": [f"pat_{key}" for key in ids], "dry": dry}
    return (await api.data(PURGE, variables, token))["purgePatrons"]


async def candidates(api: Api, token: str, **given: Any) -> Any:
    return (await api.data(CANDIDATES, {"first": 200} | given, token))["purgeCandidates"]


def listed(page: Any) -> list[str]:
    return [edge["node"]["patron"]["id"] for edge in page["edges"]]


@pytest.fixture
async def token(town: Town) -> str:
    return await town.token(Permission.PATRONS_PURGE)


async def test_whoever_has_outstanding_loans_cannot_be_tagged(api: Api, town: Town, token: str) -> None:
    ids = await town.patrons(4, loans=1)
    loans = [await town.open_loan(ids[3]), await town.open_loan(ids[1]), await town.open_loan(ids[1], lost=True)]
    await town.charge(ids[0], "1.00")  # a debt is no reason not to tag: the job will say so
    async with nothing_changes():
        found = await purge(api, token, *ids)
    assert found == {
        "__typename": "OutstandingLoans",
        "code": "OUTSTANDING_LOANS",
        "message": "2 of the patrons have outstanding loans and cannot be tagged; nothing was started. Take the items"
        " back, or mark them as lost, or leave these patrons out.",
        "patrons": [
            {
                "patronId": f"pat_{ids[1]}", "openLoanCount": 2,
                "loanIds": [f"loan_{loans[1]}", f"loan_{loans[2]}"],
            },
            {"patronId": f"pat_{ids[3]}", "openLoanCount": 1, "loanIds": [f"loan_{loans[0]}"]},
        ],
    }  # fmt: skip
    # The list has said so before, in one field, and so does a dry run, which refuses nobody.
    page = await candidates(api, token)
    said = {edge["node"]["patron"]["id"]: edge["node"] for edge in page["edges"]}
    assert [
        (said[f"pat_{key}"]["openLoanCount"], said[f"pat_{key}"]["taggable"], said[f"pat_{key}"]["purgeable"])
        for key in ids
    ] == [(0, True, False), (2, False, False), (0, True, True), (1, False, False)]
    async with nothing_changes():
        assert await purge(api, token, *ids, dry=True) == {
            "__typename": "PurgePreview", "matched": 4, "purgeable": 1, "confirmationToken": None, "confirmUntil": None,
            "obstacles": [{"code": "DEBTS", "patrons": 1}, {"code": "OPEN_LOANS", "patrons": 2}],
        }  # fmt: skip
    taggable = [key for key in ids if said[f"pat_{key}"]["taggable"]]
    assert await purge(api, token, *taggable) == {"__typename": "PurgePatronsSuccess", "count": 2}


@pytest.mark.parametrize("limit", [1, 20, 200])
async def test_the_librarys_limit_holds_whatever_the_page_showed(api: Api, town: Town, token: str, limit: int) -> None:
    await town.policy(max_purge_per_operation=limit)
    ids = await town.patrons(limit + 1)
    for dry in (True, False):
        async with nothing_changes():
            found = await purge(api, token, *ids, dry=dry)
        assert (found["code"], found["limit"]) == ("TOO_MANY", limit)
    # One patron named twice is one patron.
    assert (await purge(api, token, *ids[:limit], ids[0]))["count"] == limit


@pytest.mark.parametrize("size", [20, 50, 100, 200])
async def test_the_pages_of_the_list(api: Api, town: Town, token: str, size: int) -> None:
    ids = await town.patrons(201)
    await town.patrons(1, status="ACTIVE")
    first = await candidates(api, token, first=size, sort="OLDEST")
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (201, True)
    assert listed(first) == [f"pat_{key}" for key in ids[:size]]
    second = await candidates(api, token, first=size, after=first["pageInfo"]["endCursor"], sort="OLDEST")
    assert listed(second) == [f"pat_{key}" for key in ids[size : 2 * size]]


@pytest.mark.parametrize("first", [0, -1, 201, 1000])
async def test_a_page_has_1_to_200_candidates(api: Api, town: Town, token: str, first: int) -> None:
    assert await api.refused(CANDIDATES, {"first": first}, token) == ["BAD_ARGUMENT"]


async def test_sort_search_and_filter_are_those_of_the_patrons(api: Api, town: Town, token: str) -> None:
    ids = await town.patrons(4)
    for key, name in zip(ids, ("Dahl", "Åberg", "Berg", "Cole"), strict=True):
        await db.rows("UPDATE patron SET last_name = $2 WHERE id = $1 RETURNING id", key, name)
    await db.rows("UPDATE patron SET category = 'Adult' WHERE id = ANY($1) RETURNING id", ids[2:])
    by_name = [f"pat_{ids[n]}" for n in (2, 3, 0, 1)]
    assert listed(await candidates(api, token)) == by_name
    assert listed(await candidates(api, token, sort="NAME_DESCENDING")) == by_name[::-1]
    assert listed(await candidates(api, token, sort="NEWEST")) == [f"pat_{key}" for key in ids[::-1]]
    assert listed(await candidates(api, token, search="aberg")) == [f"pat_{ids[1]}"]
    adults = {"category": "Adult", "status": "INACTIVE"}
    assert listed(await candidates(api, token, filter=adults, sort="OLDEST")) == [f"pat_{key}" for key in ids[2:]]
    assert listed(await candidates(api, token, filter={"status": "ACTIVE"})) == []
