"""A purge in a session whose password was given long ago: the dialog, a wrong password, giving up, and going on."""

import re
from types import ModuleType

import pytest
from playwright.async_api import expect
from tests.e2e.conftest import PASSWORD, Desk
from tests.town import nothing_changes

from patrongraph import db
from patrongraph.audit.sealing import seal_all

pytestmark = pytest.mark.usefixtures("worker_process")

LONG_AGO = "UPDATE session SET reauthenticated_at = now() - interval '6 minutes' RETURNING id"
TAG_ALL = {"en": "Tag all on this page", "sv": "Markera alla på sidan"}
PURGE_TAGGED = {"en": "Purge tagged…", "sv": "Gallra markerade …"}
AGAIN = {"en": "Your password again", "sv": "Ditt lösenord igen"}
CANCEL = {"en": "Cancel", "sv": "Avbryt"}
DONE = {"en": "is done", "sv": "är klart"}


async def signed_in_long_ago(desk: Desk) -> None:
    await desk.sign_in(path="/purge")
    await db.rows(LONG_AGO)
    await seal_all()  # or the worker may do it at any moment


async def test_a_purge_asks_for_the_password_again(desk: Desk, database: ModuleType) -> None:
    await desk.town.patrons(3)
    await signed_in_long_ago(desk)
    page, language = desk.page, desk.language
    purge = page.get_by_role("dialog").locator(".button.danger")
    asked = page.get_by_role("dialog", name=AGAIN[language])
    password = asked.locator("input[name=password]")
    async with nothing_changes():
        await page.get_by_label(TAG_ALL[language]).click()
        await page.get_by_role("button", name=PURGE_TAGGED[language]).click()
        await purge.click()
        await expect(password).to_be_focused()
        await desk.looks_right("password-again")
        await asked.get_by_role("button", name=CANCEL[language]).click()
        await expect(asked).to_have_count(0)
        await expect(page.get_by_role("dialog").get_by_role("alert")).to_be_visible()
    await purge.click()
    await password.fill("not the password")
    await page.keyboard.press("Enter")
    await expect(asked.get_by_role("alert")).to_be_visible()
    await expect(password).to_have_value("")
    await desk.looks_right("password-again-wrong")
    assert await db.value("SELECT count(*) FROM job") == 0
    assert len(await desk.town.remaining()) == 3
    await password.fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.locator("main .chip.good").first).to_have_text(re.compile(DONE[language]))
    assert await desk.town.remaining() == []
    trail = await db.rows("SELECT action FROM audit_event WHERE action LIKE 'session.%' ORDER BY id")
    assert [row["action"] for row in trail] == ["session.open", "session.reauthenticate"]


async def test_the_keys_lead_out_of_the_dialog_too(desk: Desk) -> None:
    await desk.town.patrons(1)
    await signed_in_long_ago(desk)
    page, language = desk.page, desk.language
    async with nothing_changes():
        await page.get_by_label(TAG_ALL[language]).click()
        await page.get_by_role("button", name=PURGE_TAGGED[language]).click()
        await page.get_by_role("dialog").locator(".button.danger").click()
        await expect(page.get_by_role("dialog", name=AGAIN[language])).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog", name=AGAIN[language])).to_have_count(0)
        await expect(page.get_by_role("dialog")).to_have_count(1)
