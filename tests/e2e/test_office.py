"""Statistics, cohorts, settings, staff and the audit trail, as the people do who look after a library."""

import asyncio
import subprocess
from typing import Any

import pytest
from playwright.async_api import Locator, expect
from tests.e2e.conftest import Desk
from tests.town import wait_until

from patrongraph import db
from patrongraph.permissions import Permission
from patrongraph.staff.actions import sign_in

# Every page is seen in both languages elsewhere; what people do is done once.
pytestmark = pytest.mark.parametrize("look", [("en", "light")], ids="-".join, indirect=True)


def button(desk: Desk | Locator, name: str) -> Locator:
    return (desk.page if isinstance(desk, Desk) else desk).get_by_role("button", name=name, exact=True)


async def test_loans_are_counted_split_restricted_and_saved(desk: Desk) -> None:
    await desk.town.patrons(3, loans=2)
    await desk.sign_in(Permission.REPORTS_VIEW, path="/statistics?from=2025-03-01&to=2025-04-30")
    page = desk.page
    sums = page.locator(".sums dd")
    await expect(sums).to_have_text(["6", "6", "0", "0", "16"])
    await expect(page.get_by_role("img", name="March 2025")).to_be_visible()
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.get_by_label("Split by").select_option("BRANCH")
    await expect(page.locator(".legend li")).to_have_text(["Main"])
    await expect(page.locator("tbody tr").first.locator("td")).to_have_text(
        ["March 2025", "Main", "6", "6", "0", "0", "16"]
    )
    async with page.expect_download() as coming:
        await page.get_by_role("link", name="Save as CSV").click()
    file = await (await coming.value).path()
    assert (await asyncio.to_thread(file.read_text, "utf-8-sig")).splitlines() == [
        "month,branch_code,branch_name,loans,returned,lost,open,average_days",
        "2025-03-01,MAIN,Main,6,6,0,0,16.0",
    ]
    await page.get_by_label("Lost").select_option("yes")
    await expect(page.get_by_text("No loans were counted.")).to_be_visible()
    assert "lost=yes" in page.url
    await page.go_back()
    await expect(sums.first).to_have_text("6")


async def test_cohorts_are_made_changed_and_deleted_with_undo(desk: Desk) -> None:
    await desk.town.patrons(2)
    await desk.sign_in(path="/cohorts")
    page = desk.page
    await button(desk, "New cohort").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Code").fill("Y9")
    await dialog.get_by_label("Name").fill("Left school")
    await dialog.get_by_label("Its members have left the school").check()
    await button(dialog, "Save").click()
    await expect(dialog.locator(".wrong")).to_have_text("Another cohort of your library has this code.")
    await dialog.get_by_label("Code").fill("OUT")
    await button(dialog, "Save").click()
    await expect(dialog).to_have_count(0)
    await button(desk, "Edit Y9").click()
    await dialog.get_by_label("Next cohort").select_option(label="OUT · Left school")
    await button(dialog, "Save").click()
    await expect(page.locator("tbody tr").nth(1)).to_contain_text("→ OUT")
    await button(desk, "Delete OUT").click()
    await expect(page.locator(".reasons li")).to_have_text(["It is the next one of Y9."])
    await button(desk, "Edit Y9").click()
    await dialog.get_by_label("Next cohort").select_option("")
    await button(dialog, "Save").click()
    await expect(page.locator("tbody tr").nth(1)).to_contain_text("Stay")
    await button(desk, "Delete OUT").click()
    await expect(button(desk, "Delete OUT")).to_have_count(0)
    assert await db.value("SELECT count(*) FROM cohort") == 1
    await button(desk, "Undo").click()
    await expect(button(desk, "Delete OUT")).to_be_visible()
    kept = await db.rows("SELECT code, name, graduated FROM cohort ORDER BY code")
    assert [tuple(row) for row in kept] == [("OUT", "Left school", True), ("Y9", "Year 9", False)]


async def test_a_school_year_is_rolled_over_with_its_number_typed_and_taken_back(
    desk: Desk, worker_process: subprocess.Popen[Any]
) -> None:
    town = desk.town
    await town.patrons(4, status="ACTIVE")
    out = await db.value(
        "INSERT INTO cohort (library_id, code, name, graduated) VALUES ($1, 'OUT', 'Left', true) RETURNING id", town.id
    )
    await db.rows("UPDATE cohort SET next_cohort_id = $2 WHERE id = $1 RETURNING id", town.cohort, out)
    await desk.sign_in(path="/cohorts")
    page, dialog = desk.page, desk.page.get_by_role("dialog")
    year = await page.get_by_label("Year that ends").input_value()
    await button(desk, "Show what would happen").click()
    await expect(page.get_by_role("table", name="What would happen").locator("tbody tr").nth(1)).to_contain_text(
        "→ OUT"
    )
    await button(desk, f"Roll {year} over…").click()
    await dialog.get_by_label("Number of patrons").fill("3")
    await button(dialog, "Roll over").click()
    await expect(dialog.locator(".wrong")).to_have_text("That is not the number: it is about 4 patrons.")
    assert await db.value("SELECT count(*) FROM job") == 0
    await dialog.get_by_label("Number of patrons").fill("4")
    await page.keyboard.press("Enter")
    years = page.get_by_role("table", name="Years that were rolled over")
    await expect(years.locator("tbody tr")).to_contain_text("Can be taken back", timeout=30_000)
    where = "SELECT count(*) FROM patron WHERE cohort_id = $1 AND status = $2"
    assert await db.value(where, out, "INACTIVE") == 4
    await button(desk, f"Take {year} back…").click()
    await expect(dialog).to_contain_text("4 patrons go back to the cohort that they came from, 4 are active again.")
    await dialog.get_by_label("Number of patrons").fill("4")
    await page.keyboard.press("Enter")
    await expect(years.locator("tbody tr")).to_contain_text("Taken back", timeout=30_000)
    assert await db.value(where, town.cohort, "ACTIVE") == 4


async def test_settings_are_checked_saved_and_not_lost(desk: Desk) -> None:
    await desk.sign_in(Permission.SETTINGS_MANAGE, path="/settings")
    page = desk.page
    asked: list[str] = []

    async def stay(box: Any) -> None:
        asked.append(box.message)
        await box.dismiss()

    page.on("dialog", stay)
    await page.get_by_label("Debts block").check()
    await page.get_by_label("Debt from which a patron is blocked").fill("12,50")
    await page.get_by_label("Days of grace").fill("400")
    await page.get_by_role("link", name="Start").click()
    await wait_until(lambda: asyncio.sleep(0, bool(asked)))
    assert asked == ["You have not saved your changes. Leave without saving?"]
    await button(desk, "Save").click()
    await expect(page.locator(".field .wrong")).to_have_text(["At most 365."])
    assert await db.value("SELECT block_level FROM library WHERE id = $1", desk.town.id) is None
    await page.get_by_label("Days of grace").fill("14")
    await button(desk, "Save").click()
    await expect(page.get_by_text("The settings were saved.")).to_be_visible()
    await expect(button(desk, "Save")).to_have_count(0)
    kept = await db.row("SELECT block_level::text, grace_days FROM library WHERE id = $1", desk.town.id)
    assert kept is not None
    assert tuple(kept) == ("12.50", 14)


async def test_a_colleague_gets_a_role_an_account_a_password_and_is_disabled(desk: Desk) -> None:
    await desk.sign_in(path="/staff")
    page, dialog = desk.page, desk.page.get_by_role("dialog")
    await button(desk, "New role").click()
    await dialog.get_by_label("Name").fill("Desk")
    await button(dialog, "Save").click()
    await expect(dialog.locator(".checks .wrong")).to_have_text("Name at least one permission.")
    await dialog.get_by_label("Circulation desk").check()
    await button(dialog, "Save").click()
    await expect(page.get_by_role("table", name="Roles")).to_contain_text("Circulation desk")
    await button(desk, "New account").click()
    await dialog.get_by_label("Username").fill("bea")
    await dialog.get_by_label("Name that colleagues see").fill("Bea")
    await dialog.get_by_label("Password").fill("short")
    await dialog.get_by_label("Desk", exact=True).check()
    await button(dialog, "Create").click()
    await expect(dialog.locator(".field .wrong")).to_have_count(1)
    await dialog.get_by_label("Password").fill("twelve slow otters")
    await button(dialog, "Create").click()
    row = page.get_by_role("table", name="Accounts").locator("tbody tr").filter(has_text="bea")
    await expect(row).to_contain_text("Desk")
    await button(desk, "New password for bea").click()
    await dialog.get_by_label("Password").fill("thirteen slow otters")
    await button(dialog, "Save").click()
    await expect(dialog).to_have_count(0)
    assert await sign_in("bea", "thirteen slow otters", "NORTH")
    await button(desk, "Disable bea").click()
    await expect(row).to_contain_text("Disabled")
    assert await db.value("SELECT count(*) FROM staff_user WHERE username = 'bea' AND active") == 0
    await button(desk, "Undo").click()
    await expect(row).to_contain_text("Active")
    await expect(button(desk, "Disable anna")).to_have_count(0)


async def test_a_token_is_shown_once_works_and_is_revoked(desk: Desk) -> None:
    await desk.sign_in(path="/staff")
    page, dialog = desk.page, desk.page.get_by_role("dialog")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await button(desk, "New token").click()
    await dialog.get_by_label("What it is for").fill("Report")
    await dialog.get_by_label("Statistics").check()
    await button(dialog, "Create").click()
    token = await dialog.get_by_label("Token", exact=True).input_value()
    await button(dialog, "Copy").click()
    await expect(page.get_by_text("The token was copied.")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == token
    csv = f"{desk.url}/statistics/loans.csv?from=2025-01-01&to=2025-12-31"
    bearer = {"authorization": f"Bearer {token}"}
    assert (await page.request.get(csv, headers=bearer)).status == 200
    await button(dialog, "Done").click()
    await expect(page.get_by_role("table", name="API tokens")).to_contain_text("Report")
    assert token not in await page.content()
    await button(desk, "Revoke Report…").click()
    await button(dialog, "Revoke").click()
    await expect(page.get_by_role("table", name="API tokens")).to_contain_text("Revoked")
    assert await db.value("SELECT count(*) FROM api_token WHERE name = 'Report' AND revoked_at IS NOT NULL") == 1


async def test_the_trail_is_restricted_and_saved(desk: Desk) -> None:
    await desk.sign_in(path="/audit?action=staff.create")
    page = desk.page
    rows = page.get_by_role("table", name="Audit trail").locator("tbody tr")
    await expect(rows).to_have_count(1)
    await expect(rows).to_contain_text("The system")
    await page.get_by_label("Action").fill("session.open")
    await page.keyboard.press("Enter")
    await expect(rows.locator("td").nth(1)).to_have_text("anna")
    async with page.expect_download() as coming:
        await button(desk, "Save as CSV").click()
    file = await (await coming.value).path()
    lines = (await asyncio.to_thread(file.read_text, "utf-8-sig")).splitlines()
    assert lines[0] == '"When","By","Action","About","Job","Particulars"'
    assert [line.split(",")[1:3] for line in lines[1:]] == [['"anna"', '"session.open"']]
    await page.get_by_label("By").select_option("TOKEN")
    await expect(page.get_by_text("Nothing of that kind was done.")).to_be_visible()


async def test_who_may_do_none_of_it_is_offered_none_of_it(desk: Desk) -> None:
    await desk.sign_in(Permission.PATRONS_VIEW, path="/settings")
    await expect(desk.page.locator("main code")).to_have_text("SETTINGS_MANAGE")
    for path in ("cohorts", "statistics", "settings", "staff", "audit"):
        await expect(desk.page.locator(f"nav.side a[href='/console/{path}']")).to_have_count(0)
