"""All pages of the demonstration library: accessible, complete within the width, without a complaint of the browser.

Each page is loaded once in each language. Light and dark, wide and narrow go crosswise, so that every pair of
language, scheme and width is seen; FULL=1 takes all eight. DOCS=1 makes the pictures of docs/images anew.
"""

import asyncio
import base64
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page
from tests.e2e.addresses import ADDRESSES, Address
from tests.e2e.conftest import PASSWORD, SCREENSHOTS, broken_rules, listen

from patrongraph import db
from patrongraph.audit.sealing import seal_all
from patrongraph.context import Actor, system_actor
from patrongraph.erasure import actions as erasure
from patrongraph.imports import actions as imports
from patrongraph.imports import demo
from patrongraph.imports.models import ImportFormat
from patrongraph.permissions import ALL_PERMISSIONS
from patrongraph.staff.actions import create_staff

LOCALES = {"en": "en-GB", "sv": "sv-SE"}
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 844}
CROSSWISE = {
    "en": [("light", WIDE), ("dark", NARROW)],
    "sv": [("dark", WIDE), ("light", NARROW)],
}
ALL = [(scheme, size) for scheme in ("light", "dark") for size in (WIDE, NARROW)]
IMAGES = Path(__file__).parents[2] / "docs/images"
SETTLED = """() => document.querySelector('h1') && !document.querySelector('.skeleton, .splash, .stale')
  && document.fonts.status === 'loaded'"""
# The first frame after a change of scheme may still have parts of the scheme before.
DRAWN = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest_asyncio.fixture
async def places(database: ModuleType) -> dict[str, str]:
    """What the addresses name, of the demonstration library, whose trail is sealed."""
    await demo.load_demonstration()
    await seal_all()
    patron = await db.value("SELECT patron_id FROM card WHERE barcode = $1 ORDER BY id LIMIT 1", str(demo.FAMILY_LEAD))
    library = await db.value("SELECT library_id FROM patron WHERE id = $1", patron)
    return {"patron": f"pat_{patron}", **await jobs_of(system_actor(library))}


async def jobs_of(actor: Actor) -> dict[str, str]:
    """A purge and an import, which wait, for there is no worker."""
    inactive = await db.rows(
        "SELECT id FROM patron WHERE library_id = $1 AND status = 'INACTIVE' AND NOT EXISTS"
        " (SELECT FROM loan WHERE patron_id = patron.id AND returned_at IS NULL) ORDER BY id LIMIT 3",
        actor.library,
    )
    purge = await erasure.start(actor, patron_ids=[row["id"] for row in inactive])
    assert isinstance(purge, erasure.PurgeStarted)
    faulty = io.BytesIO(b"username,enabled\nnobody,FALSE\n")
    source = await imports.open_file(faulty, ImportFormat.STATUS, {}, "leavers.csv")
    return {"job": f"job_{purge.job_id}", "import": f"job_{await imports.start(actor, source)}"}


@pytest_asyncio.fixture
async def signed_in(
    chromium_browser: Browser, api_process: str, places: dict[str, str]
) -> AsyncIterator[dict[str, BrowserContext]]:
    """A context for each language, both with the session of one member of staff."""
    library = await db.value("SELECT id FROM library WHERE code = $1", demo.DEMONSTRATION[0][0])
    await create_staff(system_actor(library), "anna", PASSWORD, display_name="Anna Lund", permissions=ALL_PERMISSIONS)
    first = await chromium_browser.new_context(base_url=api_process)
    page = await first.new_page()
    await page.goto("/console/login")
    await page.fill("input[name=username]", "anna")
    await page.fill("input[name=password]", PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_selector("nav.side")
    session = await first.storage_state()
    await first.close()
    contexts = {
        language: await chromium_browser.new_context(
            base_url=api_process, locale=locale, storage_state=session, reduced_motion="reduce"
        )
        for language, locale in LOCALES.items()
    }
    yield contexts
    for context in contexts.values():
        await context.close()


async def test_every_page_is_right(signed_in: dict[str, BrowserContext], places: dict[str, str]) -> None:
    found = await asyncio.gather(*(walk(context, language, places) for language, context in signed_in.items()))
    assert [one for each in found for one in each] == []


async def walk(context: BrowserContext, language: str, places: dict[str, str]) -> list[Any]:
    """Every page in one language; returns all that is not right, with where it is."""
    page = await context.new_page()
    wrong: list[Any] = []
    said: list[str] = []
    listen(page, said)
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    looks = ALL if "FULL" in os.environ else CROSSWISE[language]
    for address in ADDRESSES:
        await wear(page, *looks[0])
        await page.goto(f"/console{address.path.format_map(places)}")
        await page.wait_for_function(SETTLED)
        for scheme, size in looks:
            look = f"{address.name}-{language}-{scheme}-{size['width']}"
            wrong += [(look, each) for each in await look_at(page, scheme, size, look)]
            if "DOCS" in os.environ and address.in_docs and (language, scheme, size) == ("en", "light", WIDE):
                await picture(context, page, address)
        wrong += [(f"{address.name}-{language}", each) for each in said]
        said.clear()
    return wrong


async def wear(page: Page, scheme: Any, size: Any) -> None:
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size(size)


async def look_at(page: Page, scheme: Any, size: Any, look: str) -> list[Any]:
    await wear(page, scheme, size)
    await page.evaluate(DRAWN)
    await page.screenshot(path=SCREENSHOTS / f"{look}.png")
    beyond = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*await broken_rules(page), *([f"{beyond} px wider than the window"] if beyond > 0 else [])]


async def picture(context: BrowserContext, page: Page, address: Address) -> None:
    devtools = await context.new_cdp_session(page)
    shot = await devtools.send("Page.captureScreenshot", {"format": "webp", "quality": 70})
    IMAGES.mkdir(exist_ok=True)
    await asyncio.to_thread((IMAGES / f"{address.name}.webp").write_bytes, base64.b64decode(shot["data"]))
    await devtools.detach()
