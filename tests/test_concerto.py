"""The Concerto library of the Evergreen project, end to end: import, deactivate and purge one library of six."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.clients import Api
from tests.town import contents, nothing_changes

from patrongraph import db

CONCERTO = Path(__file__).parents[2] / "shared" / "data" / "concerto"
pytestmark = pytest.mark.skipif(not CONCERTO.is_dir(), reason="../shared/data/concerto is not beside the repository")

TOTALS = """
SELECT (SELECT count(*) FROM library) AS libraries, (SELECT count(*) FROM patron) AS patrons,
       (SELECT count(*) FROM item) AS items, (SELECT count(*) FROM loan) AS loans,
       (SELECT count(*) FROM loan WHERE lost) AS lost,
       (SELECT count(*) FROM reservation) AS reservations, (SELECT count(*) FROM loan_statistic) AS statistics,
       (SELECT count(*) FROM tombstone) AS tombstones
"""
IMPORTED = {
    "libraries": 6, "patrons": 377, "items": 4825, "loans": 486, "lost": 12, "reservations": 260, "statistics": 0,
    "tombstones": 0,
}  # fmt: skip

# Each patron of a library with the obstacles that its rows mean; written out here on its own, on purpose.
OBSTACLES = """
SELECT p.id,
       array_remove(ARRAY[
           CASE WHEN EXISTS (SELECT FROM loan l WHERE l.patron_id = p.id AND l.returned_at IS NULL)
                THEN 'OPEN_LOANS' END,
           CASE WHEN EXISTS (SELECT FROM reservation r WHERE r.patron_id = p.id AND r.state = 'OPEN')
                THEN 'OPEN_RESERVATIONS' END], NULL) AS codes
FROM patron p JOIN library ON library.id = p.library_id
WHERE library.code = 'RPLS' ORDER BY p.id
"""
PATRONS = "{ patrons(first: 1000) { totalCount edges { node { id } } } }"
DEACTIVATE = """
mutation($ids: [ID!]!) { deactivatePatrons(input: {patronIds: $ids}) {
  ... on PatronsStatusSuccess { changed patrons { status } } ... on Problem { message } } }
"""
PURGE = """
mutation($dry: Boolean!, $confirm: Int, $quoted: String) {
  purgePatrons(input: {
    filter: {status: INACTIVE}, dryRun: $dry, confirmCount: $confirm, confirmationToken: $quoted
  }) {
    ... on PurgePreview { matched purgeable obstacles { code patrons } confirmationToken }
    ... on PurgePatronsSuccess { count job { id } }
    ... on Problem { code message }
  }
}
"""
ITEMS = """
query($id: ID!) { job(id: $id) { items(first: 200) { edges { node { patronId state codes } } } } }
"""


async def totals() -> dict[str, int]:
    found = await db.row(TOTALS)
    assert found is not None
    return dict(found)


async def others(code: str) -> dict[str, Any]:
    """What all tables hold of every library but this one."""
    libraries = await db.rows("SELECT id, code FROM library ORDER BY code")
    return {library["code"]: await contents(library["id"]) for library in libraries if library["code"] != code}


@pytest.mark.usefixtures("worker_process")
async def test_one_library_is_purged_and_the_others_are_as_before(api: Api, run_cli: Any) -> None:
    async def cli(*words: str) -> Any:
        done = await asyncio.to_thread(run_cli, *words, "--json")
        assert done.returncode == 0, done.stderr
        return orjson.loads(done.stdout)

    report = await cli("import", str(CONCERTO))
    assert (report["rejected"], report["rejections"], len(report["librariesCreated"])) == (0, [], 6)
    assert await totals() == IMPORTED
    token = (await cli("token", "create", "RPLS", "walk", "--all-permissions"))["token"]
    before = await others("RPLS")
    assert len(before) == 5
    assert sum(tables["patron"][0] for tables in before.values()) == 377 - 134

    listed = (await api.data(PATRONS, token=token))["patrons"]
    assert listed["totalCount"] == 134
    ids = [edge["node"]["id"] for edge in listed["edges"]]
    changed = await api.data(DEACTIVATE, {"ids": ids}, token)
    assert changed == {"deactivatePatrons": {"changed": 133, "patrons": [{"status": "INACTIVE"}] * 134}}  # one was

    expected = {row["id"]: row["codes"] for row in await db.rows(OBSTACLES)}
    free = [patron for patron, codes in expected.items() if not codes]
    kept = {patron: codes for patron, codes in expected.items() if codes}
    assert (len(expected), 0 < len(free) < 134) == (134, True)
    by_code = {
        code: sum(code in codes for codes in kept.values()) for code in ("OPEN_LOANS", "OPEN_RESERVATIONS")
    }  # fmt: skip
    preview = (await api.data(PURGE, {"dry": True}, token))["purgePatrons"]
    quoted = preview.pop("confirmationToken")
    assert preview == {
        "matched": 134,
        "purgeable": len(free),
        "obstacles": [{"code": code, "patrons": count} for code, count in by_code.items()],
    }
    wrong = (await api.data(PURGE, {"dry": False, "confirm": 133, "quoted": quoted}, token))["purgePatrons"]
    assert wrong["code"] == "CONFIRMATION_MISMATCH"
    assert await totals() == IMPORTED

    started = (await api.data(PURGE, {"dry": False, "confirm": 134, "quoted": quoted}, token))["purgePatrons"]
    assert started["count"] == 134
    events = await api.follow(started["job"]["id"], token)
    last = events[-1]
    assert (last["state"], last["total"], last["failed"], last["cancelled"]) == ("COMPLETED_WITH_ISSUES", 134, 0, 0)
    assert (last["done"], last["skipped"]) == (len(free), len(kept))
    settled = [event["done"] + event["skipped"] for event in events]
    assert settled == sorted(settled)

    # Exactly those without loans and reservations are gone, and each of the others says why.
    assert [row["id"] for row in await db.rows(OBSTACLES)] == list(kept)
    items = (await api.data(ITEMS, {"id": started["job"]["id"]}, token))["job"]["items"]["edges"]
    said = {item["node"]["patronId"]: (item["node"]["state"], item["node"]["codes"]) for item in items}
    assert said == {
        f"pat_{patron}": ("SKIPPED", codes) if codes else ("DONE", []) for patron, codes in expected.items()
    }  # fmt: skip
    # Totals add up: whoever is gone left a tombstone; all loans were open, so each is still there.
    assert await totals() == IMPORTED | {"patrons": 377 - len(free), "tombstones": len(free)}
    assert [row["patron_id"] for row in await db.rows("SELECT patron_id FROM tombstone ORDER BY 1")] == free
    assert await others("RPLS") == before

    # The snapshot says what the other system has now, so importing it again brings those back whom that system still
    # has (as new patrons, with new ids), and makes those ACTIVE again whom it calls enabled. A third time: nothing.
    again = await cli("import", str(CONCERTO))
    numbers = {
        file["file"]: (file["inserted"], file["updated"], file["unchanged"], file["rejected"])
        for file in again["files"]
    }  # fmt: skip
    assert numbers == {
        "branches.csv": (0, 0, 22, 0),
        "patrons.csv": (len(free), len(kept), 377 - 134, 0),
        "items.csv": (0, 0, 4825, 0),
        "loans.csv": (0, 0, 486, 0),
        "reservations.csv": (0, 0, 260, 0),
    }
    assert await totals() == IMPORTED | {"tombstones": len(free)}
    assert await others("RPLS") == before
    async with nothing_changes():
        third = await cli("import", str(CONCERTO))
    assert (third["accepted"], third["unchanged"], third["rejected"]) == (0, again["rows"], 0)
