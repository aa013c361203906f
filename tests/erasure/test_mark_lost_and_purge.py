"""Mark as lost and purge with a worker, to the end and beyond: what is kept, and the item that turns up after all."""

import pytest
from tests.clients import Api
from tests.erasure.test_mark_loans_lost import CHECK_IN, ask, detail, fine, items, lend
from tests.town import Town

from patrongraph import db
from patrongraph.erasure.deletion import restore
from patrongraph.permissions import Permission

CHECK_OUT = """
mutation($id: ID!, $barcode: String!) { checkOut(input: {patron: {id: $id}, itemBarcode: $barcode}) {
  __typename ... on CheckOutSuccess { loan { id } } ... on Problem { code }
} }
"""


@pytest.fixture
async def purger(town: Town) -> str:
    return await town.token(Permission.ITEMS_MARK_LOST, Permission.PATRONS_PURGE, Permission.PATRONS_VIEW)


@pytest.mark.usefixtures("worker_process")
async def test_mark_as_lost_and_purge_and_a_late_return(api: Api, town: Town, purger: str) -> None:
    patron, stays = await town.patrons(2, loans=1)
    loans = [await lend(town, patron, "x1", "12.50"), await lend(town, patron, "x2", None)]
    await fine(town, patron, loans[0], "1.20")
    done = await ask(api, purger, patron, *loans, purge=True)
    job = done["job"]["id"]
    assert done["job"].items() >= {"kind": "PURGE", "total": 1}.items()
    last = (await api.follow(job, purger))[-1]
    assert (last["state"], last["done"], last["total"]) == ("SUCCEEDED", 1, 1)
    assert await town.remaining() == [stays]
    kept = await db.rows("SELECT title, lost, checked_out_on::text FROM loan_statistic ORDER BY title")
    assert [tuple(row) for row in kept] == [
        ("Title 1", False, "2025-03-04"), ("Title of x1", True, "2025-03-04"), ("Title of x2", True, "2025-03-04"),
    ]  # fmt: skip
    key = int(job.removeprefix("job_"))
    assert await detail("patron.loans_lost") == [
        ("TOKEN", "patron", patron, key, {"loans": loans, "written_off": "13.70"})
    ]
    assert await detail("purge.start") == [("TOKEN", "job", key, key, {"by": ["MARKED_LOST"], "patrons": 1})]
    assert await db.value("SELECT count(*) FROM ledger_entry WHERE patron_id = $1", patron) == 0

    # Months later somebody finds the book: it can be lent again, and nobody is paid anything.
    desk = await town.token(Permission.CIRCULATION_DESK)
    ledger = await db.value("SELECT count(*) FROM ledger_entry")
    back = (await api.data(CHECK_IN, {"barcode": "x1"}, desk))["checkIn"]
    assert back == {
        "__typename": "CheckInSuccess", "wasOnLoan": False, "wasLost": True, "itemStatus": "AVAILABLE",
        "patron": None, "loan": None,
    }  # fmt: skip
    assert await db.value("SELECT count(*) FROM ledger_entry") == ledger
    await db.rows("UPDATE patron SET status = 'ACTIVE' WHERE id = $1 RETURNING id", stays)
    lent = (await api.data(CHECK_OUT, {"id": f"pat_{stays}", "barcode": "x1"}, desk))["checkOut"]
    assert lent["__typename"] == "CheckOutSuccess"
    assert dict(await items())["x2"] == "LOST"


@pytest.mark.usefixtures("worker_process")
async def test_with_days_of_grace_the_loans_stay_closed_when_the_patron_is_restored(
    api: Api, town: Town, purger: str
) -> None:
    await town.policy(grace_days=30)
    [patron] = await town.patrons(1)
    loan = await lend(town, patron, "x1", "12.50")
    done = await ask(api, purger, patron, loan, purge=True)
    last = (await api.follow(done["job"]["id"], purger))[-1]
    assert (last["state"], last["done"]) == ("SUCCEEDED", 1)
    assert await db.value("SELECT status FROM patron WHERE id = $1", patron) == "PENDING_PURGE"
    await restore(town.system, patron)
    row = await db.row("SELECT lost, returned_at IS NOT NULL AS closed FROM loan WHERE id = $1", loan)
    assert row is not None
    assert (row["lost"], row["closed"], dict(await items())["x1"]) == (True, True, "LOST")
    assert await db.value("SELECT status FROM patron WHERE id = $1", patron) == "INACTIVE"
