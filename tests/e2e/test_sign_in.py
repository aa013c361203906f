"""Signing in and out, and what somebody without a permission sees."""

from playwright.async_api import expect
from tests.e2e.conftest import Desk

from patrongraph.permissions import Permission

WRONG = {"en": "Username or password is wrong.", "sv": "Användarnamnet eller lösenordet är fel."}
NOT_ALLOWED = {"en": "You may not see this page", "sv": "Du får inte se den här sidan"}
SIGN_OUT = {"en": "Sign out", "sv": "Logga ut"}


async def test_a_wrong_password_is_said_and_the_right_one_leads_to_where_one_wanted(desk: Desk) -> None:
    await desk.open("/patrons?status=ACTIVE")
    await desk.page.wait_for_selector("input[name=username]")
    await desk.looks_right("login")
    await desk.give("not the password")
    await expect(desk.page.get_by_role("alert")).to_contain_text(WRONG[desk.language])
    await desk.looks_right("login-wrong")
    await desk.sign_in(path="/patrons?status=ACTIVE")
    assert desk.page.url == f"{desk.url}/console/patrons?status=ACTIVE"


async def test_signing_out_in_one_tab_signs_out_in_all(desk: Desk) -> None:
    await desk.sign_in()
    await desk.looks_right("start")
    other = await desk.page.context.new_page()
    await other.goto(f"{desk.url}/console/patrons")
    await other.get_by_role("button", name=SIGN_OUT[desk.language]).click()
    await expect(other.locator("input[name=username]")).to_be_visible()
    await expect(desk.page.locator("input[name=username]")).to_be_visible()
    await desk.page.reload()
    await expect(desk.page.locator("input[name=username]")).to_be_visible()


async def test_a_page_without_its_permission_is_not_offered_and_says_which_it_takes(desk: Desk) -> None:
    await desk.sign_in(Permission.REPORTS_VIEW, path="/patrons")
    await expect(desk.page.get_by_role("heading", level=1)).to_have_text(NOT_ALLOWED[desk.language])
    await expect(desk.page.locator("main code")).to_have_text("PATRONS_VIEW")
    await expect(desk.page.locator("nav.side a")).to_have_count(2)  # start, and statistics
    await desk.looks_right("not-allowed")
