"""The explorer: one's own session, over HTTP and over the WebSocket, and nothing of other hosts."""

import pytest
from playwright.async_api import Page, expect
from tests.e2e.conftest import LOOKS, Desk, broken_rules
from tests.erasure.support import purge_all
from tests.town import wait_until

from patrongraph.permissions import Permission

FIRST_LOOK = pytest.mark.parametrize("look", LOOKS[:1], ids="-".join)
EDITOR = ".graphiql-query-editor .monaco-editor"
RESPONSE = ".graphiql-response"
GRAPHIQLS_OWN = {"color-contrast", "nested-interactive"}  # named in docs/console.md


async def ask(page: Page, name: str, document: str) -> None:
    """Put the document, whose operation has that name, in the place of what is in the editor; run it by keyboard."""
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.locator(f"{EDITOR} .view-lines").first.click()
    await page.evaluate("text => navigator.clipboard.writeText(text)", document)
    await page.keyboard.press("Control+a")
    await page.keyboard.press("Control+v")  # typed, the editor would close each bracket by itself
    await expect(page.locator(".graphiql-tab")).to_have_text(name)
    await page.keyboard.press("Control+Enter")


@FIRST_LOOK
async def test_a_question_is_answered_with_the_session_of_whoever_is_signed_in(desk: Desk) -> None:
    await desk.sign_in(Permission.REPORTS_VIEW)
    await desk.page.goto(f"{desk.url}/explorer")
    await ask(desk.page, "Me", "query Me { viewer { ... on StaffViewer { user { username } permissions } } }")
    await expect(desk.page.locator(RESPONSE)).to_contain_text("anna")
    await expect(desk.page.locator(RESPONSE)).to_contain_text("REPORTS_VIEW")
    assert await desk.page.evaluate("Object.keys(localStorage).filter((name) => name.startsWith('graphiql'))") == []
    broken = await broken_rules(desk.page)
    assert {rule for rule, _ in broken} <= GRAPHIQLS_OWN, broken


@FIRST_LOOK
async def test_a_subscription_runs_and_its_news_come_in(desk: Desk) -> None:
    await desk.sign_in()
    await desk.town.patrons(3)
    await desk.page.goto(f"{desk.url}/explorer")
    sent: list[str] = []
    desk.page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(str(frame))))
    await ask(desk.page, "News", "subscription News { jobs { kind state total } }")

    async def subscribed() -> bool:
        return any('"subscribe"' in frame for frame in sent)

    await wait_until(subscribed)
    await purge_all(desk.town.system)
    for word in ("PURGE", "QUEUED", "3"):
        await expect(desk.page.locator(RESPONSE)).to_contain_text(word)
