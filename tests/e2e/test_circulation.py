"""The desk on a patron's page: lend by scanner, renew, return, give up, reserve, cancel, charge, pay and waive."""

import pytest
from playwright.async_api import Locator, expect
from tests.e2e.conftest import Desk

from patrongraph import db
from patrongraph.permissions import Permission

english = pytest.mark.parametrize("look", [("en", "light")], indirect=True)

ITEM = """
INSERT INTO item (library_id, barcode, title, author, status, price) VALUES ($1, $2, $3, 'Berg, Åsa', $4, 12.5)
RETURNING id
"""
LENT = "SELECT returned_at IS NULL AS open, lost, renewals_left FROM loan WHERE patron_id = $1 ORDER BY id"
LEDGER = """
SELECT kind, amount::text, outstanding::text, note FROM ledger_entry WHERE patron_id = $1 ORDER BY kind, id
"""


async def item(desk: Desk, barcode: str, title: str, status: str = "AVAILABLE") -> int:
    made: int = await db.value(ITEM, desk.town.id, barcode, title, status)
    return made


async def told(sql: str, key: int) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in await db.rows(sql, key)]


def count(desk: Desk, tab: str) -> Locator:
    return desk.page.get_by_role("link", name=tab).locator(".count")


async def scan(desk: Desk, barcode: str) -> None:
    """Fast keys and Enter, into the box that has the focus when the page is there."""
    await expect(desk.page.locator("main form input").first).to_be_focused()
    await desk.page.keyboard.type(f"{barcode}\n")


async def undo(desk: Desk) -> None:
    await desk.page.get_by_role("button", name="Undo").click()


@english
async def test_items_are_lent_scan_after_scan_and_one_is_taken_back_by_undo(desk: Desk) -> None:
    (patron,) = await desk.town.patrons(1, status="ACTIVE")
    await item(desk, "3001", "Night Train")
    await item(desk, "3002", "Field Guide")
    await desk.sign_in(path=f"/patrons/pat_{patron}/loans")
    box = desk.page.get_by_label("Item to lend")
    await expect(box).to_be_focused()
    await scan(desk, "3001")
    await expect(desk.page.get_by_role("row").filter(has_text="Night Train")).to_be_visible()
    await expect(box).to_be_focused()
    await expect(box).to_have_value("")
    await undo(desk)
    await expect(desk.page.get_by_text("Nothing is on loan.")).to_be_visible()
    await expect(count(desk, "Loans")).to_have_text("0")
    await box.focus()
    await scan(desk, "3002")
    await expect(desk.page.get_by_role("row").filter(has_text="Field Guide")).to_be_visible()
    await scan(desk, "3999")
    await expect(desk.page.locator("main").get_by_role("alert")).to_contain_text("Nothing here goes by “3999”.")
    await expect(count(desk, "Loans")).to_have_text("1")
    assert await told(LENT, patron) == [(False, False, 2), (True, False, 2)]


@english
async def test_a_renewal_is_refused_with_its_reason_and_a_return_says_that_somebody_waits(desk: Desk) -> None:
    patron, other = await desk.town.patrons(2, status="ACTIVE")
    wanted = await item(desk, "3001", "Night Train")
    await desk.sign_in(path=f"/patrons/pat_{patron}/loans")
    await scan(desk, "3001")
    await desk.page.get_by_role("button", name="Renew Night Train").click()
    await expect(desk.page.locator("main").get_by_role("alert")).to_contain_text(
        "A renewal now would not move the due date."
    )
    await db.rows(
        "INSERT INTO reservation (library_id, patron_id, item_id, requested_at, state)"
        " VALUES ($1, $2, $3, now(), 'OPEN') RETURNING id",
        desk.town.id, other, wanted,
    )  # fmt: skip
    await desk.page.get_by_role("button", name="Return Night Train").click()
    await expect(desk.page.get_by_text("Keep “Night Train” on the hold shelf: somebody waits for it.")).to_be_visible()
    await desk.page.get_by_label("Show").select_option("Returned")
    await expect(desk.page.get_by_role("row").filter(has_text="Night Train")).to_contain_text("Closed")
    assert desk.page.url.endswith(f"/patrons/pat_{patron}/loans?state=CLOSED")
    assert await told(LENT, patron) == [(False, False, 2)]


@english
async def test_outstanding_loans_are_given_up_after_a_look_at_what_it_costs(desk: Desk) -> None:
    (patron,) = await desk.town.patrons(1, status="ACTIVE")
    await item(desk, "3001", "Night Train")
    await item(desk, "3002", "Field Guide")
    await desk.sign_in(path=f"/patrons/pat_{patron}/loans")
    await scan(desk, "3001")
    await expect(count(desk, "Loans")).to_have_text("1")
    await scan(desk, "3002")
    await expect(count(desk, "Loans")).to_have_text("2")
    await desk.page.get_by_role("button", name="Mark all as lost…").click()
    dialog = desk.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Written off in all: $25.00")
    await dialog.get_by_role("button", name="Close").click()
    assert await told(LENT, patron) == [(True, False, 2), (True, False, 2)]
    await desk.page.get_by_role("button", name="Mark all as lost…").click()
    await dialog.get_by_role("button", name="Mark 2 items as lost").click()
    await expect(desk.page.get_by_text("Nothing is on loan.")).to_be_visible()
    assert await told(LENT, patron) == [(False, True, 2), (False, True, 2)]
    assert await told("SELECT status FROM item WHERE library_id = $1", desk.town.id) == [("LOST",), ("LOST",)]


@english
async def test_a_reservation_is_placed_and_cancelled_only_when_asked_twice(desk: Desk) -> None:
    (patron,) = await desk.town.patrons(1, status="ACTIVE")
    await item(desk, "3001", "Night Train")
    await desk.sign_in(path=f"/patrons/pat_{patron}/reservations")
    await scan(desk, "3001")
    await expect(count(desk, "Reservations")).to_have_text("1")
    states = "SELECT state, pickup_branch_id FROM reservation WHERE patron_id = $1"
    await desk.page.get_by_role("button", name="Cancel Night Train").click()
    await desk.page.get_by_role("button", name="Keep it").click()
    assert await told(states, patron) == [("OPEN", desk.town.branch)]
    await desk.page.get_by_role("button", name="Cancel Night Train").click()
    await desk.page.get_by_role("button", name="Cancel the reservation").click()
    await expect(desk.page.get_by_text("Nothing is reserved.")).to_be_visible()
    await expect(count(desk, "Reservations")).to_have_text("0")
    assert await told(states, patron) == [("CANCELLED", desk.town.branch)]


@english
async def test_a_payment_ends_the_block_a_waiver_takes_a_reason_and_too_much_is_not_taken(desk: Desk) -> None:
    (patron,) = await desk.town.patrons(1, status="ACTIVE")
    await desk.town.policy(block_level=10)
    await desk.town.charge(patron, "12.50")
    await desk.sign_in(path=f"/patrons/pat_{patron}/debts")
    page = desk.page
    await expect(page.get_by_text("Blocked by debt: $2.51 clears it")).to_be_visible()
    await page.get_by_role("button", name="Take payment…").click()
    amount = page.get_by_label("Amount in USD")
    await amount.fill("12,51")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("At most $12.50: more is not owed.")).to_be_visible()
    assert await told(LEDGER, patron) == [("CHARGE", "12.50", "12.50", None)]
    await page.get_by_role("button", name="Only what ends the block: $2.51").click()
    await expect(page.get_by_role("dialog")).to_contain_text("The block for debts ends.")
    await page.get_by_role("button", name="Take $2.51").click()
    await expect(page.get_by_text("Owes $9.99")).to_be_visible()
    await expect(page.get_by_text("Blocked by debt")).to_have_count(0)
    await page.get_by_role("button", name="Waive No reason given").click()
    await page.get_by_role("button", name="Waive $9.99").click()
    await expect(page.get_by_text("Say why.")).to_be_visible()
    await page.get_by_label("Why").fill("Broken by the return box")
    await page.get_by_role("button", name="Waive $9.99").click()
    await expect(page.get_by_text("Nothing is owed.")).to_be_visible()
    await page.get_by_role("button", name="Charge…").click()
    await amount.fill("3")
    await page.get_by_label("For").fill("Card")
    await page.get_by_role("button", name="Charge $3.00").click()
    await expect(page.get_by_role("row").filter(has_text="Card")).to_be_visible()
    assert await told(LEDGER, patron) == [
        ("CHARGE", "12.50", "0.00", None),
        ("CHARGE", "3.00", "3.00", None),
        ("PAYMENT", "2.51", None, None),
        ("WAIVE", "9.99", None, "Broken by the return box"),
    ]


@english
async def test_who_may_not_work_at_the_desk_sees_the_lists_alone(desk: Desk) -> None:
    (patron,) = await desk.town.patrons(1, status="ACTIVE")
    await desk.town.open_loan(patron)
    await desk.sign_in(Permission.PATRONS_VIEW, path=f"/patrons/pat_{patron}/loans")
    await expect(desk.page.get_by_role("row").filter(has_text="Open")).to_be_visible()
    await expect(desk.page.locator("main form")).to_have_count(0)
    await expect(desk.page.locator("main tbody button")).to_have_count(0)
    await expect(desk.page.get_by_role("button", name="Mark all as lost…")).to_have_count(0)


@english
async def test_a_file_holds_the_whole_list_not_only_the_page(desk: Desk) -> None:
    (patron,) = await desk.town.patrons(1, status="ACTIVE", loans=51)
    await desk.sign_in(path=f"/patrons/pat_{patron}/loans?state=CLOSED")
    await expect(desk.page.locator("main tbody tr")).to_have_count(50)
    async with desk.page.expect_download() as saved:
        await desk.page.get_by_role("button", name="Save as CSV").click()
    download = await saved.value
    lines = (await download.path()).read_text(encoding="utf-8-sig").splitlines()
    assert download.suggested_filename == f"loans-pat_{patron}.csv"
    assert lines[0].startswith('"Title","Author","Barcode","Lent","Due","Returned"')
    assert sorted(line.split(",")[0] for line in lines[1:]) == sorted(f'"Title {n}"' for n in range(1, 52))
    await desk.page.get_by_role("button", name="Next page").click()
    await expect(desk.page.locator("main tbody tr")).to_have_count(1)
    await desk.page.go_back()
    await expect(desk.page.locator("main tbody tr")).to_have_count(50)


async def lend(patron: int, item_id: int, days: int, renewals: int) -> None:
    """A loan that ends in so many days and may be renewed so many times."""
    await db.rows(
        "INSERT INTO loan (library_id, patron_id, item_id, checked_out_at, due_at, renewals_left)"
        " SELECT library_id, $1, id, now() - interval '20 days', now() + make_interval(days => $3), $4"
        " FROM item WHERE id = $2 RETURNING id",
        patron, item_id, days, renewals,
    )  # fmt: skip


async def test_all_loans_are_renewed_and_each_that_is_not_says_why(desk: Desk) -> None:
    patron, other = await desk.town.patrons(2, status="ACTIVE")
    titles = ["Night Train", "Used Up", "Field Guide", "Wanted", "Last Light"]
    for place, title in enumerate(titles):
        made = await item(desk, f"30{place}", title, "ON_LOAN")
        await lend(patron, made, days=1, renewals=0 if title == "Used Up" else 2)
        if title == "Wanted":
            await db.rows(
                "INSERT INTO reservation (library_id, patron_id, item_id, requested_at, state)"
                " VALUES ($1, $2, $3, now(), 'OPEN') RETURNING id",
                desk.town.id, other, made,
            )  # fmt: skip
    await desk.sign_in(path=f"/patrons/pat_{patron}/loans")
    page, language = desk.page, desk.language
    await page.get_by_role("button", name={"en": "Renew all", "sv": "Låna om alla"}[language]).click()
    await expect(page.get_by_role("status").locator(".notice")).to_contain_text(
        {"en": "3 renewed, 2 not.", "sv": "3 omlånade, 2 inte."}[language]
    )
    row = page.get_by_role("row")
    used_up = {"en": "The loan cannot be renewed any more.", "sv": "Lånet kan inte lånas om fler gånger."}[language]
    await expect(row.filter(has_text="Used Up").locator(".not-renewed li")).to_have_text([used_up])
    await expect(row.filter(has_text="Wanted").locator(".not-renewed")).to_have_count(1)
    await expect(page.locator(".not-renewed")).to_have_count(2)
    await desk.looks_right("patron-renew-all")
    assert await told("SELECT renewals_left FROM loan WHERE patron_id = $1 ORDER BY id", patron) == [
        (1,), (0,), (1,), (2,), (1,)
    ]  # fmt: skip
    assert await db.value("SELECT count(*) FROM audit_event WHERE action = 'desk.renew'") == 3
