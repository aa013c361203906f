"""The trail's seals as its page shows them, the head in the clipboard, and the job of an event a click away."""

import pytest
from playwright.async_api import expect
from tests.audit.tampering import head, note
from tests.conftest import RunCli
from tests.e2e.conftest import Desk

from patrongraph import db
from patrongraph.audit.sealing import seal_all
from patrongraph.erasure.actions import PurgeStarted, start

LATE_EVENT = """
INSERT INTO audit_event (library_id, at, actor_kind, action, detail)
VALUES ($1, now() - interval '16 minutes', 'SYSTEM', 'a.b', '{}') RETURNING id
"""
NOTHING = {"en": ["Nothing yet", "None"], "sv": ["Ingenting ännu", "Inga"]}
COPY = {"en": "Copy the head", "sv": "Kopiera kedjans slut"}
COPIED = {"en": "The head was copied.", "sv": "Kedjans slut är kopierat."}
LATE = {"en": "for more than 15 minutes", "sv": "i mer än 15 minuter"}
TWO = {"en": "2 events, since", "sv": "2 händelser, sedan"}


async def test_the_seals_their_head_and_what_waits_too_long(desk: Desk, run_cli: RunCli) -> None:
    await desk.sign_in(path="/audit")
    page, language = desk.page, desk.language
    card = page.locator(".chain")
    facts = card.locator(".facts dd")
    await expect(facts.first).to_have_text(NOTHING[language][0])
    await seal_all()
    sequence, value = await head("NORTH")
    await page.reload()
    await expect(facts.nth(1)).to_have_text(NOTHING[language][1])
    await expect(card.locator(".chip.good")).to_be_visible()
    shown = f"NORTH:{sequence}:{value.hex()}"
    await expect(card.locator(".head code")).to_have_text(shown)
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await card.get_by_role("button", name=COPY[language]).click()
    await expect(page.get_by_text(COPIED[language])).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == shown
    assert run_cli("audit", "verify", "--head", shown).returncode == 0
    await db.rows(LATE_EVENT, desk.town.id)
    await note(desk.town)
    await page.evaluate("window.dispatchEvent(new Event('focus'))")
    await expect(card.locator(".notice.warn")).to_contain_text(LATE[language])
    await expect(facts.nth(1)).to_contain_text(TWO[language])
    await expect(card.locator(".chip.warn")).to_be_visible()
    await desk.looks_right("audit-late")
    assert run_cli("audit", "verify").returncode == 1


@pytest.mark.parametrize("look", [("en", "light")], ids="-".join, indirect=True)
async def test_an_events_job_is_a_link(desk: Desk) -> None:
    started = await start(desk.town.system, patron_ids=await desk.town.patrons(1))
    assert isinstance(started, PurgeStarted)
    await desk.sign_in(path="/audit?action=purge.start")
    await desk.page.locator("tbody").get_by_role("link", name=f"job_{started.job_id}").first.click()
    await desk.page.wait_for_url(f"**/console/jobs/job_{started.job_id}")
    await expect(desk.page.get_by_role("progressbar")).to_be_visible()
