"""Walking the pages gives every row once and in order, also while rows come and go."""

import base64
from typing import Any

import orjson
import pytest
from tests.graph.library import NORTH, actor, number

from patrongraph import db
from patrongraph.context import Context
from patrongraph.graph.engine import Engine, Request

SORTS = ("NAME", "NAME_DESCENDING", "OLDEST", "NEWEST")
QUERY = """query($n: Int!, $after: String, $sort: PatronSort, $search: String) {
  patrons(first: $n, after: $after, sort: $sort, search: $search) {
    edges { cursor node { id lastName } } totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""


class Walker:
    """Walks the patrons page by page."""

    def __init__(self, engine: Engine, **variables: Any) -> None:
        self.engine = engine
        self.variables = variables

    async def page(self, after: str | None, size: int) -> Any:
        request = Request(QUERY, None, {"n": size, "after": after, **self.variables})
        answer = await self.engine.execute(request, Context(actor(NORTH), "a test"))
        return orjson.loads(answer.body)["data"]["patrons"]

    async def walk(self, size: int, between: Any = None) -> list[str]:
        found: list[str] = []
        after, pages = None, 0
        while True:
            page = await self.page(after, size)
            edges = page["edges"]
            found += [edge["node"]["id"] for edge in edges]
            info = page["pageInfo"]
            assert info["hasPreviousPage"] is (after is not None)
            assert info["startCursor"] == (edges[0]["cursor"] if edges else None)
            assert info["endCursor"] == (edges[-1]["cursor"] if edges else None)
            assert len(edges) <= size
            if not info["hasNextPage"]:
                return found
            assert len(edges) == size
            after, pages = info["endCursor"], pages + 1
            if between is not None:
                await between(pages, edges)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 29, 30, 31, 200])
async def test_every_row_once(libraries: Any, engine: Engine, sort: str, size: int) -> None:
    whole = await Walker(engine, sort=sort).walk(200)
    assert len(whole) == len(set(whole)) == 30
    assert await Walker(engine, sort=sort).walk(size) == whole


async def test_orders_are_each_others_reverse(libraries: Any, engine: Engine) -> None:
    walks = {sort: await Walker(engine, sort=sort).walk(7) for sort in SORTS}
    assert walks["NAME"] == walks["NAME_DESCENDING"][::-1]
    assert walks["OLDEST"] == walks["NEWEST"][::-1] == [f"pat_{number(NORTH, n)}" for n in range(1, 31)]


async def test_equal_names_stand_in_the_order_of_their_ids(libraries: Any, engine: Engine) -> None:
    for n in range(60):
        await _insert("Same", "Name", 5000 + n)
    walked = await Walker(engine, sort="NAME", search="same").walk(7)
    assert walked == [f"pat_{5000 + n}" for n in range(60)]
    assert await Walker(engine, sort="NAME_DESCENDING", search="same").walk(7) == walked[::-1]


@pytest.mark.parametrize("sort", SORTS)
async def test_rows_that_come_and_go_between_pages(libraries: Any, engine: Engine, sort: str) -> None:
    """Each page's last row, the cursor's, is deleted; a row is put before and one behind the place."""
    before = await Walker(engine, sort=sort).walk(200)
    added: dict[str, bool] = {}

    async def between(pages: int, edges: list[Any]) -> None:
        await _delete(edges[-1]["node"]["id"])
        # Names before and after all others; ids above all others.
        for behind, name in ((False, " "), (True, "\U0001f9a9")):
            # Equal names follow in the order of their ids, so a later one needs a lower id going down.
            place = 2 * pages + behind
            key = 8000 - place if sort == "NAME_DESCENDING" else 6000 + place
            await _insert(name, "", key)
            at_the_end = {"NAME": behind, "NAME_DESCENDING": not behind, "OLDEST": True, "NEWEST": False}[sort]
            added[f"pat_{key}"] = at_the_end

    # Ever more rows come at the end, so the walk ends only because pages are larger than what comes.
    walked = await Walker(engine, sort=sort).walk(5, between)
    assert len(walked) == len(set(walked))
    assert [each for each in walked if each in before] == before
    assert {each for each in walked if each in added} == {each for each, seen in added.items() if seen}


async def test_a_cursor_outlives_its_row_and_its_list(libraries: Any, engine: Engine) -> None:
    walker = Walker(engine, sort="NAME")
    first = await walker.page(None, 10)
    for edge in first["edges"]:
        await _delete(edge["node"]["id"])
    second = await walker.page(first["pageInfo"]["endCursor"], 200)
    assert second["totalCount"] == len(second["edges"]) == 20
    last = await walker.page(second["pageInfo"]["endCursor"], 10)
    assert last["edges"] == []
    assert last["pageInfo"] == {
        "hasNextPage": False, "hasPreviousPage": True, "startCursor": None, "endCursor": None}  # fmt: skip


async def test_a_renamed_row_is_met_by_its_new_name(libraries: Any, engine: Engine) -> None:
    walker = Walker(engine, sort="NAME")
    first = await walker.page(None, 5)
    moved = first["edges"][0]["node"]["id"]
    await db.rows("UPDATE patron SET last_name = 'ööö' WHERE id = $1", int(moved.removeprefix("pat_")))
    rest = await walker.page(first["pageInfo"]["endCursor"], 200)
    assert moved in [edge["node"]["id"] for edge in rest["edges"]]


@pytest.mark.parametrize("name", ['"', "\\", "\n\t", "\u2028", "\x7f", "\u0001", "{}", "'", "🦩", "a" * 190])
async def test_names_that_cursors_must_carry(libraries: Any, engine: Engine, name: str) -> None:
    for n in range(5):
        await _insert(name, f"Cursor {n}", 7000 + n)
    walked = await Walker(engine, sort="NAME", search="cursor").walk(1)
    assert walked == [f"pat_{7000 + n}" for n in range(5)]
    page = await Walker(engine, sort="NAME", search="cursor").page(None, 1)
    key, row = orjson.loads(base64.b64decode(page["pageInfo"]["endCursor"]))
    assert (key, row) == (await db.value("SELECT sort_key FROM patron WHERE id = 7000"), 7000)


async def _insert(last_name: str, first_name: str, key: int) -> None:
    await db.rows(
        "INSERT INTO patron (id, library_id, last_name, first_name) VALUES ($1, $2, $3, $4)",
        key, NORTH, last_name, first_name,
    )  # fmt: skip


async def _delete(patron: str) -> None:
    key = int(patron.removeprefix("pat_"))
    async with db.transaction():
        for table in ("ledger_entry", "loan", "reservation", "group_membership", "privacy_waiver", "block", "card",
                      "address"):  # fmt: skip
            await db.rows(f"DELETE FROM {table} WHERE patron_id = $1", key)
        await db.rows("DELETE FROM patron WHERE id = $1", key)
