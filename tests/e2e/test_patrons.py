"""The list of patrons and the start page, as the desk uses them: by scanner, by keyboard, with filters of one's own."""

import asyncio
import csv
import io
from typing import Any

import pytest
from playwright.async_api import expect
from tests.e2e.conftest import LOOKS, PASSWORD, Desk
from tests.town import Town

from patrongraph import db

SEARCH = "input[type=search]"
ROWS = ".table tbody tr"
FIRST_LOOK = pytest.mark.parametrize("look", LOOKS[:1], ids="-".join)

SAVE_FILTER = {"en": "Save this filter", "sv": "Spara filtret"}
SAVE = {"en": "Save", "sv": "Spara"}
COLUMNS = {"en": "Columns", "sv": "Kolumner"}
SIGN_OUT = {"en": "Sign out", "sv": "Logga ut"}
HEADS = {
    "en": ["Name", "Barcode", "Status", "E-mail", "Phone", "Category", "Loans", "Overdue", "Owes"],
    "sv": ["Namn", "Streckkod", "Status", "E-post", "Telefon", "Kategori", "Lån", "Försenade", "Skuld"],
}
FILE = {"en": "Save as CSV", "sv": "Spara som CSV"}


async def scan(desk: Desk, barcode: str) -> None:
    """As a scanner does it: key after key at once, then Enter."""
    await asyncio.gather(*(desk.page.keyboard.press(key) for key in (*barcode, "Enter")))


async def rename(ids: list[int], *names: str) -> None:
    for patron, name in zip(ids, names, strict=True):
        await db.rows("UPDATE patron SET last_name = $2 WHERE id = $1 RETURNING id", patron, name)


async def names(desk: Desk) -> list[str]:
    return await desk.page.locator(f"{ROWS} a").all_inner_texts()


async def card(patron: int, barcode: str) -> str:
    await db.rows("UPDATE card SET barcode = $2 WHERE patron_id = $1 RETURNING id", patron, barcode)
    return barcode


@FIRST_LOOK
async def test_a_scan_opens_the_patron_of_that_card_wherever_the_focus_is(desk: Desk) -> None:
    ids = await desk.town.patrons(3, status="ACTIVE")
    first, second = await card(ids[0], "21000000000101"), await card(ids[1], "21000000000102")
    await desk.sign_in()
    await expect(desk.page.locator(SEARCH)).to_be_focused()
    await scan(desk, first)
    await desk.page.wait_for_url(f"{desk.url}/console/patrons/pat_{ids[0]}/data")

    await desk.open("/patrons")
    await desk.page.locator(ROWS).first.focus()
    await scan(desk, second)
    await desk.page.wait_for_url(f"{desk.url}/console/patrons/pat_{ids[1]}/data")

    await desk.open("/patrons")
    await expect(desk.page.locator(SEARCH)).to_be_focused()
    await scan(desk, "21000000000999")
    await desk.page.wait_for_url(f"{desk.url}/console/patrons?q=*")
    await expect(desk.page.locator(".empty")).to_be_visible()
    # What was not found is selected, so the next scan takes its place.
    await scan(desk, first)
    await desk.page.wait_for_url(f"{desk.url}/console/patrons/pat_{ids[0]}/data")


async def test_a_name_is_found_and_opened_by_keyboard_alone(desk: Desk) -> None:
    ids = await desk.town.patrons(4, status="ACTIVE")
    await rename(ids, "Ågren", "Berg", "Bergman", "Östlund")
    await desk.sign_in(path="/patrons")
    await expect(desk.page.locator(ROWS)).to_have_count(4)
    await desk.page.keyboard.type("berg")
    await desk.page.keyboard.press("Enter")
    await expect(desk.page.locator(ROWS)).to_have_count(2)
    assert await names(desk) == ["First2 Berg", "First3 Bergman"]
    for _ in range(2):
        await desk.page.keyboard.press("ArrowDown")
    await desk.looks_right("patrons-row")
    await desk.page.keyboard.press("Enter")
    await desk.page.wait_for_url(f"{desk.url}/console/patrons/pat_{ids[2]}/data")
    await desk.page.go_back()
    await expect(desk.page.locator(SEARCH)).to_have_value("berg")
    await expect(desk.page.locator(ROWS)).to_have_count(2)


async def test_a_filter_gets_a_name_by_keyboard_and_is_on_the_start_page(desk: Desk) -> None:
    await desk.town.patrons(2, status="ACTIVE")
    await desk.town.patrons(3, status="INACTIVE")
    await desk.sign_in(path="/patrons?q=last")
    await desk.page.locator(".filters").get_by_label("Status").select_option("INACTIVE")
    await expect(desk.page.locator(ROWS)).to_have_count(3)
    save = desk.page.get_by_role("button", name=SAVE_FILTER[desk.language])
    await save.press("Enter")
    dialog = desk.page.get_by_role("dialog")
    await expect(dialog.get_by_role("textbox")).to_be_focused()
    await desk.looks_right("dialog")
    await desk.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(save).to_be_focused()

    await save.press("Enter")
    for _ in range(3):  # the focus stays in the dialog and comes round
        await desk.page.keyboard.press("Tab")
    await expect(dialog.get_by_role("textbox")).to_be_focused()
    await desk.page.keyboard.type("Gone")
    await desk.page.keyboard.press("Enter")
    await expect(desk.page.get_by_role("link", name="Gone")).to_be_visible()
    await expect(save).to_have_count(0)

    kept = await desk.page.evaluate("JSON.stringify({ ...localStorage })")
    assert "INACTIVE" in kept
    assert "last" not in kept.lower()  # whom somebody searched for is not kept
    await desk.open("/")
    await desk.page.get_by_role("link", name="Gone").click()
    await desk.page.wait_for_url(f"{desk.url}/console/patrons?status=INACTIVE")
    await expect(desk.page.locator(ROWS)).to_have_count(3)


async def test_the_columns_are_chosen_and_the_file_has_them_of_all_pages(desk: Desk) -> None:
    ids = await desk.town.patrons(53, status="ACTIVE")
    await db.rows("UPDATE patron SET phone = '0700' || id, last_name = 'Last' RETURNING id")
    await desk.town.charge(ids[0], "12.5")
    await desk.sign_in(path="/patrons")
    await expect(desk.page.locator(ROWS)).to_have_count(50)
    await desk.page.get_by_role("button", name=COLUMNS[desk.language]).press("Enter")
    await desk.page.locator(".popover input").nth(3).press("Space")
    await desk.looks_right("columns")
    await desk.page.keyboard.press("Escape")
    heads = desk.page.locator(".table thead th")
    await expect(heads).to_have_text(HEADS[desk.language])
    await desk.page.reload()
    await expect(heads).to_have_text(HEADS[desk.language])

    async with desk.page.expect_download() as coming:
        await desk.page.get_by_role("button", name=FILE[desk.language]).click()
    file = await (await coming.value).path()
    head, *rows = csv.reader(io.StringIO(file.read_text("utf-8-sig")))
    assert head == HEADS[desk.language]
    assert len(rows) == 53
    active = {"en": "Active", "sv": "Aktiv"}[desk.language]
    assert [row for row in rows if row[1] == f"B{ids[0]}"] == [
        ["First1 Last", f"B{ids[0]}", active, "p1@example.org", f"0700{ids[0]}", "Pupil", "0", "0", "12.50"]
    ]


@FIRST_LOOK
async def test_whom_one_opened_is_listed_until_the_sign_out_and_only_by_id(desk: Desk) -> None:
    ids = await desk.town.patrons(2, status="ACTIVE")
    await rename(ids, "Alm", "Berg")
    await desk.sign_in()
    for patron in ids:
        await desk.open(f"/patrons/pat_{patron}/data")
        await expect(desk.page.get_by_role("heading", level=1)).to_contain_text("First")
    await desk.open("/")
    lines = desk.page.locator(".lines a")
    await expect(lines).to_have_text(["First2 Berg", "First1 Alm"])
    await rename(ids, "Alm", "Ek")
    await desk.page.reload()
    await expect(lines).to_have_text(["First2 Ek", "First1 Alm"])
    stored: dict[str, Any] = await desk.page.evaluate("({ ...localStorage })")
    assert [value for name, value in stored.items() if name.endswith(".recent")] == [f'["pat_{ids[1]}","pat_{ids[0]}"]']
    await desk.page.get_by_role("button", name=SIGN_OUT["en"]).click()
    await desk.page.wait_for_selector("input[name=username]")
    assert not any(name.endswith(".recent") for name in await desk.page.evaluate("Object.keys(localStorage)"))
    await desk.give(PASSWORD)
    await desk.page.wait_for_selector("nav.side")
    await expect(lines).to_have_count(0)


@FIRST_LOOK
async def test_another_librarys_barcode_opens_nobody(desk: Desk, other_town: Town) -> None:
    [patron] = await other_town.patrons(1, status="ACTIVE")
    barcode = await card(patron, "21000000000777")
    await desk.sign_in()
    await expect(desk.page.locator(SEARCH)).to_be_focused()
    await scan(desk, barcode)
    await desk.page.wait_for_url(f"{desk.url}/console/patrons?q=*")
    await expect(desk.page.locator(".empty")).to_be_visible()
