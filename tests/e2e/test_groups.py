"""A patron's group: moved to by scanner, left, led and consented to; each taken back by Undo where that can be."""

import pytest
from playwright.async_api import Page, expect
from tests.e2e.conftest import Desk

from patrongraph import db
from patrongraph.permissions import Permission

english = pytest.mark.parametrize("look", [("en", "light")], indirect=True)

MEMBERS = "SELECT patron_id, group_id, lead FROM group_membership WHERE library_id = $1 ORDER BY patron_id"
WAIVERS = "SELECT patron_id, revoked_at IS NULL AS stands FROM privacy_waiver WHERE library_id = $1 ORDER BY id"


async def told(desk: Desk, sql: str = MEMBERS) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in await db.rows(sql, desk.town.id)]


async def undo(page: Page) -> None:
    await page.get_by_role("button", name="Undo").first.click()


async def act(page: Page, member: int, action: str) -> None:
    await page.get_by_role("button", name=f"Actions for First{member} Last{member}").click()
    await page.get_by_role("button", name=action).click()


@english
async def test_another_patron_is_moved_here_by_scanner_and_goes_back_by_undo(desk: Desk) -> None:
    here, lead, mover, stays = await desk.town.patrons(4, status="ACTIVE")
    mine, other = await desk.town.group(here), await desk.town.group(lead, mover, stays)
    before = [(here, mine, True), (lead, other, True), (mover, other, False), (stays, other, False)]
    await desk.sign_in(path=f"/patrons/pat_{here}/group")
    page = desk.page
    await page.get_by_role("button", name="Move another patron here…").click()
    await page.keyboard.type(f"B{lead}\n")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("The former group loses its lead.")
    await expect(dialog.get_by_role("button", name="Move", exact=True)).to_be_focused()
    await page.keyboard.type(f"B{mover}\n")  # a scan while Move has the focus is another look, and moves nobody
    await expect(dialog).to_contain_text(f"First{mover} Last{mover}")
    assert await told(desk) == before
    await expect(dialog.get_by_role("button", name="Move", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("row").filter(has_text=f"B{mover}")).to_be_visible()
    await expect(page.get_by_role("link", name="Group").locator(".count")).to_have_text("2")
    assert await told(desk) == [(here, mine, True), (lead, other, True), (mover, mine, False), (stays, other, False)]
    await undo(page)
    await expect(page.get_by_role("row").filter(has_text=f"B{mover}")).to_have_count(0)
    assert await told(desk) == before


@english
async def test_a_barcode_of_nobody_is_said_and_a_move_between_two_without_a_group_is_undone(desk: Desk) -> None:
    here, mover = await desk.town.patrons(2, status="ACTIVE")
    await desk.sign_in(path=f"/patrons/pat_{here}/group")
    page = desk.page
    await page.get_by_role("button", name="Move another patron here…").click()
    await page.keyboard.type("nobody\n")
    await expect(page.get_by_text("No patron of your library has this barcode.")).to_be_visible()
    await page.keyboard.type(f"B{mover}\n")
    await expect(page.get_by_role("dialog")).to_contain_text("A new group is made.")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("row").filter(has_text=f"B{mover}")).to_be_visible()
    assert [row[0] for row in await told(desk)] == [here, mover]
    await undo(page)
    await expect(page.get_by_text("In no group.")).to_be_visible()
    assert await told(desk) == []


@english
async def test_tagged_members_are_taken_out_by_keyboard_and_come_back_with_their_lead(desk: Desk) -> None:
    lead, second, third = await desk.town.patrons(3, status="ACTIVE")
    group = await desk.town.group(lead, second, third)
    await desk.sign_in(path=f"/patrons/pat_{third}/group")
    page = desk.page
    await page.locator("tbody tr").first.focus()
    await page.keyboard.press("Space")
    await page.keyboard.press("Shift+ArrowDown")
    await expect(page.get_by_text("2 tagged")).to_be_visible()
    await page.get_by_role("button", name="Take out of the group").press("Enter")
    await expect(page.locator("tbody tr")).to_have_count(1)
    assert await told(desk) == [(third, group, False)]
    await undo(page)
    await expect(page.locator("tbody tr")).to_have_count(3)
    assert await told(desk) == [(lead, group, True), (second, group, False), (third, group, False)]


@english
async def test_members_move_to_the_group_of_whose_barcode_is_scanned(desk: Desk) -> None:
    lead, second, other = await desk.town.patrons(3, status="ACTIVE")
    left, target = await desk.town.group(lead, second), await desk.town.group(other)
    await desk.sign_in(path=f"/patrons/pat_{lead}/group")
    page = desk.page
    await page.get_by_label(f"Tag First{second} Last{second}").click()
    await page.get_by_role("button", name="Move to another patron's group…").click()
    await page.keyboard.type(f"B{other}\n")
    await expect(page.get_by_role("dialog")).to_contain_text("1 patron moves to this group.")
    await page.keyboard.press("Enter")
    await expect(page.locator("tbody tr")).to_have_count(1)
    assert await told(desk) == [(lead, left, True), (second, target, False), (other, target, True)]


@english
async def test_a_lead_is_made_and_consent_is_written_down_and_ended(desk: Desk) -> None:
    lead, second = await desk.town.patrons(2, status="ACTIVE")
    group = await desk.town.group(lead, second)
    await desk.sign_in(path=f"/patrons/pat_{lead}/group")
    page = desk.page
    await act(page, second, "Make the lead")
    await expect(page.locator(".totals")).to_contain_text(f"First{second}")
    assert await told(desk) == [(lead, group, False), (second, group, True)]
    await undo(page)
    await expect(page.locator(".totals")).to_contain_text(f"First{lead}")
    assert await told(desk) == [(lead, group, True), (second, group, False)]
    await act(page, second, "Write down consent")
    await expect(page.get_by_text("consents have no effect for now")).to_be_visible()
    assert await told(desk, WAIVERS) == [(second, True)]
    await act(page, second, "Consent taken back…")
    await page.get_by_role("button", name="End the consent").click()
    await expect(page.get_by_text("consents have no effect for now")).to_have_count(0)
    assert await told(desk, WAIVERS) == [(second, False)]


async def test_the_move_and_the_page_of_who_is_in_no_group_look_right(desk: Desk) -> None:
    lead, second, alone = await desk.town.patrons(3, status="ACTIVE")
    await desk.town.group(lead, second)
    await desk.sign_in(path=f"/patrons/pat_{lead}/group")
    await desk.page.locator(".button.primary").first.click()
    await desk.page.keyboard.type(f"B{alone}\n")
    await expect(desk.page.get_by_role("dialog").locator(".person")).to_be_visible()
    await desk.looks_right("patron-group-move")
    await desk.open(f"/patrons/pat_{alone}/group")
    await expect(desk.page.locator(".empty")).to_be_visible()
    await desk.looks_right("patron-group-none")


@english
async def test_who_may_see_neither_sums_nor_change_groups_sees_the_members_alone(desk: Desk) -> None:
    lead, second = await desk.town.patrons(2, status="ACTIVE")
    await desk.town.group(lead, second)
    await desk.sign_in(Permission.PATRONS_VIEW, path=f"/patrons/pat_{lead}/group")
    await expect(desk.page.locator("tbody tr")).to_have_count(2)
    await expect(desk.page.locator(".totals dt")).to_have_text(["Members", "Lead"])
    await expect(desk.page.locator("main tbody button, main tbody input")).to_have_count(0)
    await expect(desk.page.get_by_role("button", name="Move another patron here…")).to_have_count(0)
